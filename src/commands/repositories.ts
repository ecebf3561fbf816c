import { job } from "../domain/repositories/job.ts";
import { repository } from "../domain/repositories/repository.ts";
import { type ResourceMeans, resourceOperations } from "./resourceOperations.ts";

export const repositoryOperations = (means: ResourceMeans) => ({
  repositories: resourceOperations(
    repository,
    { read: "repository:read", write: "repository:write", remove: "repository:delete" },
    means,
  ),
  jobs: resourceOperations(job, { read: "job:read", write: "job:write", remove: "job:write" }, means),
});
