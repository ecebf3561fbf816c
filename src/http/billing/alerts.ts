import { ConfigureBalanceAlert } from "../../commands/credits/alerts.ts";
import { billing } from "../../projections/billing.ts";
import { Alert, alertsOf } from "../../projections/ledger/alerts.ts";
import type { App } from "../binder.ts";
import { exampleTime } from "../examples.ts";
import { inWorkspace, left } from "./ledgerExample.ts";

/** When to tell of a low balance, and what was told. */
export const alertRoutes = (app: App): void => {
  app.command("PUT", "/workspaces/:workspaceId/billing/alerts", ConfigureBalanceAlert, {
    dryRun: true,
    example: {
      params: inWorkspace,
      body: { threshold: 50 },
      data: { threshold: 50, rearmAt: 55, ...left(990) },
    },
  });

  app.list("/workspaces/:workspaceId/billing/alerts", {
    name: "ListAlerts",
    permission: "credits:read",
    from: [billing],
    output: Alert,
    example: {
      params: inWorkspace,
      data: {
        id: "00000000-0009-8c94-9b0e-2a4c6d8f0e65",
        kind: "low_balance",
        threshold: 50,
        credits: 44,
        limit: null,
        budgetId: null,
        rechargeId: null,
        reason: null,
        createdAt: exampleTime,
      },
    },
    load: (read, { params, query }) => alertsOf(read, params.workspaceId, query),
  });
};
