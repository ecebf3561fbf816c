import { RemoveBudget, SetBudget } from "../../commands/credits/budgets.ts";
import type { App } from "../binder.ts";
import { exampleIds } from "../examples.ts";
import { inWorkspace, left } from "./ledgerExample.ts";

const CreateBudget = { ...SetBudget, name: "CreateBudget" };

const ofBudget = { ...inWorkspace, budgetId: exampleIds.budget };
const terms = { limit: 300, period: "month" } as const;
const scope = { kind: "member", id: exampleIds.member } as const;
const budget = { id: exampleIds.budget, scope, ...terms, alertsAt: [80, 100] };

/** How much may be spent in a period: by everybody, by one member or by one API key. */
export const budgetRoutes = (app: App): void => {
  app.command("POST", "/workspaces/:workspaceId/billing/budgets", CreateBudget, {
    status: 201,
    fresh: "budgetId",
    dryRun: true,
    example: { params: inWorkspace, body: { scope, ...terms }, data: { budget, ...left(990) } },
  });
  app.command("PUT", "/workspaces/:workspaceId/billing/budgets/:budgetId", SetBudget, {
    dryRun: true,
    example: {
      params: ofBudget,
      body: { scope, ...terms, limit: 500 },
      data: { budget: { ...budget, limit: 500 }, ...left(990) },
    },
  });
  app.command("DELETE", "/workspaces/:workspaceId/billing/budgets/:budgetId", RemoveBudget, {
    dryRun: true,
    example: { params: ofBudget, data: left(990) },
  });
};
