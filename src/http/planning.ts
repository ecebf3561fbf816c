import type { planningOperations } from "../commands/planning.ts";
import { planningItems } from "../projections/planning.ts";
import type { App } from "./binder.ts";
import { editingRoutes, resourceRoutes } from "./resources.ts";

/** PLAN-01, PLAN-02. */
export const planningRoutes = (app: App, kinds: ReturnType<typeof planningOperations>): void => {
  for (const [name, operations] of Object.entries(kinds)) {
    const path = `/workspaces/:workspaceId/${name}`;
    resourceRoutes(app, operations, { path, rows: planningItems });
    editingRoutes(app, operations, { path });
  }
};
