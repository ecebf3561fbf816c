import type { bulkDebit } from "../../commands/credits/bulk.ts";
import { DebitCredits } from "../../commands/credits/debits.ts";
import type { refund } from "../../commands/credits/refunds.ts";
import type { App } from "../binder.ts";
import { exampleIds } from "../examples.ts";
import { debit, inWorkspace, left } from "./ledgerExample.ts";

export type DebitOperations = { bulkDebit: ReturnType<typeof bulkDebit>; refund: ReturnType<typeof refund> };

const { amount, description, referenceId, category } = debit;

/** How credits are spent, and given back. */
export const debitRoutes = (app: App, operations: DebitOperations): void => {
  app.command("POST", "/workspaces/:workspaceId/billing/debits", DebitCredits, {
    status: 201,
    dryRun: true,
    example: {
      params: inWorkspace,
      body: { amount, description, referenceId, category },
      data: { transaction: debit, ...left(990) },
    },
  });

  const poor = {
    code: "INSUFFICIENT_CREDITS",
    message: "The available credits do not cover this.",
    details: { ...left(990), required: 5_000, shortfall: 4_010, rechargeState: "off" },
  };
  app.command("POST", "/workspaces/:workspaceId/billing/debits/bulk", operations.bulkDebit, {
    hasRevision: true,
    dryRun: true,
    example: {
      params: inWorkspace,
      body: {
        mode: "each",
        debits: [
          { key: "run-42", amount, description, referenceId, category },
          { key: "run-99", amount: 5_000, description: "Enrich everybody" },
        ],
      },
      data: {
        results: [
          { key: "run-42", status: "written", transaction: debit, ...left(990) },
          { key: "run-99", status: "refused", error: poor },
        ],
        ...left(990),
        written: 1,
        repeated: 0,
        refused: 1,
      },
    },
  });

  const refunded = {
    ...debit,
    id: exampleIds.refund,
    type: "refund",
    amount: 4,
    change: 4,
    balanceAfter: 994,
    description: "4 companies were not found",
    referenceId: null,
    category: null,
  } as const;
  app.command("POST", "/workspaces/:workspaceId/billing/transactions/:transactionId/refunds", operations.refund, {
    status: 201,
    hasRevision: true,
    dryRun: true,
    example: {
      params: { ...inWorkspace, transactionId: debit.id },
      body: { amount: 4, description: refunded.description },
      data: { transaction: refunded, ...left(994) },
    },
  });
};
