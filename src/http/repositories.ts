import type { repositoryOperations } from "../commands/repositories.ts";
import { jobs as jobRows, repositories as repositoryRows } from "../projections/repositories.ts";
import type { App } from "./binder.ts";
import { editingRoutes, exampleOf, resourceRoutes } from "./resources.ts";

/** REPO-01, JOB-01. */
export const repositoryRoutes = (app: App, { repositories, jobs }: ReturnType<typeof repositoryOperations>): void => {
  const path = "/organizations/:organizationId/repositories";
  resourceRoutes(app, repositories, { path, rows: repositoryRows });
  editingRoutes(app, repositories, { path });

  const ofRepository = `${path}/:repositoryId/jobs`;
  resourceRoutes(app, jobs, { path: ofRepository, rows: jobRows, parentRows: repositoryRows });
  const { own, told } = exampleOf(jobs.resource);
  app.command("POST", `${ofRepository}/:jobId/cancel`, jobs.become("CancelJob", "cancelled"), {
    hasRevision: true,
    example: { params: own, data: { ...told, status: "cancelled" } },
  });
};
