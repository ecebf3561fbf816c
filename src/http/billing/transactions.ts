import { z } from "zod";
import { Transaction } from "../../commands/credits/transaction.ts";
import { billing } from "../../projections/billing.ts";
import { TransactionCursor, TransactionFilter } from "../../projections/ledger/transactionCursor.ts";
import { type TransactionRow, transactionOf, transactionsOf } from "../../projections/ledger/transactionsOf.ts";
import type { App } from "../binder.ts";
import { exampleIds, exampleTime } from "../examples.ts";
import { debit, inWorkspace } from "./ledgerExample.ts";

const Line = Transaction.extend({
  ledgerRevision: z.int().describe("Of the ledger once this had happened"),
  heldAfter: z.int(),
  availableAfter: z.int(),
  holdId: z.uuid().nullable(),
  debitId: z.uuid().nullable().describe("Of a refund: what it gives back"),
  transferId: z.uuid().nullable(),
  otherWorkspaceId: z.uuid().nullable().describe("The other side of a transfer"),
  actor: z.object({ kind: z.string(), id: z.string().nullable() }),
  refunded: z.int().describe("What was given back of it until now"),
  recordedAt: z.iso.datetime().describe("Later than createdAt where time alone made it happen"),
});

/** A line stays as it is, but for what is refunded of it: the revision it stands at says nothing of that. */
const lineOf = ({ revision: ledgerRevision, ...row }: TransactionRow): z.output<typeof Line> => ({
  ...row,
  ledgerRevision,
});

const line = {
  ...debit,
  ledgerRevision: 2,
  heldAfter: 0,
  availableAfter: 990,
  holdId: null,
  debitId: null,
  transferId: null,
  otherWorkspaceId: null,
  actor: { kind: "user", id: exampleIds.member },
  refunded: 4,
  recordedAt: exampleTime,
};

/** What moved credits, line by line (BILL-05). */
export const transactionRoutes = (app: App): void => {
  app.list("/workspaces/:workspaceId/billing/transactions", {
    name: "ListTransactions",
    permission: "credits:read",
    from: [billing],
    output: Line,
    query: { ...TransactionFilter.shape, cursor: TransactionCursor.optional() },
    example: { params: inWorkspace, query: { type: "debit", category: "enrichment" }, data: line },
    load: async (read, { params, query }) => {
      const { rows, ...rest } = await transactionsOf(read, params.workspaceId, query);
      return { ...rest, rows: rows.map(lineOf) };
    },
  });
  app.query("/workspaces/:workspaceId/billing/transactions/:transactionId", {
    name: "GetTransaction",
    permission: "credits:read",
    from: [billing],
    output: Line,
    example: { params: { ...inWorkspace, transactionId: debit.id }, data: line },
    load: async (read, { params }) => {
      const found = await transactionOf(read, params.workspaceId, params.transactionId);
      return found ? lineOf(found) : null;
    },
  });
};
