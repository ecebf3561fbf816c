import { exampleIds, exampleTime } from "../examples.ts";

/** One ledger's story, told by the examples of all its routes. */
export const inWorkspace = { workspaceId: exampleIds.workspace };

export const left = (available: number, held = 0) => ({ balance: available + held, held, available });

export const purchase = {
  id: exampleIds.purchase,
  type: "purchase",
  amount: 1_000,
  change: 1_000,
  balanceAfter: 1_000,
  description: "Invoice 7",
  referenceId: null,
  category: null,
  createdAt: exampleTime,
} as const;

export const debit = {
  ...purchase,
  id: exampleIds.transaction,
  type: "debit",
  amount: 10,
  change: -10,
  balanceAfter: 990,
  description: "Enrich 10 companies",
  referenceId: "run-42",
  category: "enrichment",
} as const;

export const hold = {
  id: exampleIds.hold,
  amount: 100,
  remaining: 100,
  expiresAt: "2026-11-20T13:00:00.000Z",
  description: "Run 43",
  referenceId: "run-43",
  category: "enrichment",
};
