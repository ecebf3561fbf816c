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
import type { Resource } from "../kernel/resource.ts";
import { type ResourceMeans, resourceOperations } from "./resourceOperations.ts";

const permissions = { read: "planning:read", write: "planning:write", remove: "planning:write" };

/** By what they are called in paths. */
export const planningOperations = (means: ResourceMeans) => {
  const of = (kind: Resource) => resourceOperations(kind, permissions, means);
  return {
    products: of(product),
    "product-briefs": of(productBrief),
    epics: of(epic),
    "product-requirements": of(productRequirement),
    "technical-requirements": of(technicalRequirement),
    "user-stories": of(userStory),
    features: of(feature),
    components: of(component),
    tasks: of(task),
    subtasks: of(subtask),
  };
};
