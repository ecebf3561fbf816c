import { AddCredits, AdjustCredits } from "../../commands/credits/grants.ts";
import type { App } from "../binder.ts";
import { inWorkspace, left, purchase } from "./ledgerExample.ts";

/** How credits come into a ledger by hand. */
export const creditRoutes = (app: App): void => {
  app.command("POST", "/workspaces/:workspaceId/billing/credits", AddCredits, {
    status: 201,
    dryRun: true,
    example: {
      params: inWorkspace,
      body: { amount: 1_000, description: purchase.description },
      data: { transaction: purchase, lot: 1, ...left(1_000) },
    },
  });
  const goodwill = {
    type: "adjustment",
    amount: 50,
    change: 50,
    balanceAfter: 1_050,
    description: "Goodwill",
  } as const;
  app.command("POST", "/workspaces/:workspaceId/billing/adjustments", AdjustCredits, {
    status: 201,
    dryRun: true,
    example: {
      params: inWorkspace,
      body: { amount: 50, reason: goodwill.description },
      data: { transaction: { ...purchase, ...goodwill }, ...left(1_050) },
    },
  });
};
