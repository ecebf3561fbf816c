import { job } from "../domain/repositories/job.ts";
import { repository } from "../domain/repositories/repository.ts";
import { resourceReadModel } from "./resources.ts";

export const repositories = resourceReadModel("repositories", [repository]);
export const jobs = resourceReadModel("jobs", [job]);
