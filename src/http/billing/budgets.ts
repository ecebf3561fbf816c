import { z } from "zod";
import { Budget, RemoveBudget, SetBudget } from "../../commands/credits/budgets.ts";
import { billing } from "../../projections/billing.ts";
import { budgetsOf } from "../../projections/ledger/budgetsOf.ts";
import type { App } from "../binder.ts";
import { exampleIds } from "../examples.ts";
import { paged } from "../page.ts";
import { inWorkspace, left } from "./ledgerExample.ts";

const CreateBudget = { ...SetBudget, name: "CreateBudget" };

const SpentBudget = Budget.extend({
  periodStart: z.iso.datetime(),
  spent: z.int().nonnegative().describe("In this period, with what open holds reserve"),
});

const ofBudget = { ...inWorkspace, budgetId: exampleIds.budget };
const terms = { limit: 300, period: "month" } as const;
const scope = { kind: "member", id: exampleIds.member } as const;
const budget = { id: exampleIds.budget, scope, ...terms, alertsAt: [80, 100] };

/** How much may be spent in a period: by everybody, by one member or by one API key. */
export const budgetRoutes = (app: App, now: () => string): void => {
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
  app.list("/workspaces/:workspaceId/billing/budgets", {
    name: "ListBudgets",
    permission: "credits:read",
    from: [billing],
    output: SpentBudget,
    example: { params: inWorkspace, data: { ...budget, periodStart: "2026-11-01T00:00:00.000Z", spent: 80 } },
    load: async (read, { params, query }) => paged(await budgetsOf(read, params.workspaceId, now()), query),
  });
};
