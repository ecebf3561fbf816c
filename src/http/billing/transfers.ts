import type { transfer } from "../../commands/credits/transfers.ts";
import type { App } from "../binder.ts";
import { exampleIds } from "../examples.ts";
import { inWorkspace, left, purchase } from "./ledgerExample.ts";

const sent = {
  ...purchase,
  id: exampleIds.transferOut,
  type: "transfer_out",
  amount: 200,
  change: -200,
  balanceAfter: 790,
  description: "For the new team",
} as const;

export const transferRoutes = (app: App, operation: ReturnType<typeof transfer>): void => {
  app.command("POST", "/workspaces/:workspaceId/billing/transfers", operation, {
    status: 201,
    dryRun: true,
    example: {
      params: inWorkspace,
      body: { toWorkspaceId: exampleIds.otherWorkspace, amount: sent.amount, description: sent.description },
      data: { transferId: exampleIds.transfer, transaction: sent, ...left(790) },
    },
  });
};
