import {
  component,
  epic,
  feature,
  product,
  productBrief,
  productRequirement,
  subtask,
  task,
  technicalRequirement,
  userStory,
} from "../domain/planning/planning.ts";
import { resourceReadModel } from "./resources.ts";

/** One table, so that what a deletion hides is found with one question. */
export const planningItems = resourceReadModel("planning_items", [
  product,
  productBrief,
  epic,
  productRequirement,
  technicalRequirement,
  feature,
  userStory,
  component,
  task,
  subtask,
]);
