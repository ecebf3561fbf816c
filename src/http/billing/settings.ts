import { SetCreditLimit } from "../../commands/credits/creditLimit.ts";
import { ConfigureAutoRecharge } from "../../commands/credits/recharge.ts";
import type { App } from "../binder.ts";
import { inWorkspace, left } from "./ledgerExample.ts";

const autoRecharge = {
  isEnabled: true,
  threshold: 100,
  amount: 500,
  target: null,
  coolOffSeconds: 60,
  periodCap: 5_000,
};

/** What a ledger does by itself, and how far it may go. */
export const settingRoutes = (app: App): void => {
  app.command("PUT", "/workspaces/:workspaceId/billing/auto-recharge", ConfigureAutoRecharge, {
    dryRun: true,
    example: {
      params: inWorkspace,
      body: { enabled: true, threshold: autoRecharge.threshold, amount: autoRecharge.amount },
      data: { autoRecharge, ...left(990) },
    },
  });
  app.command("PUT", "/workspaces/:workspaceId/billing/credit-limit", SetCreditLimit, {
    dryRun: true,
    example: {
      params: inWorkspace,
      body: { creditLimit: 0 },
      data: { creditLimit: 0, ...left(990) },
    },
  });
};
