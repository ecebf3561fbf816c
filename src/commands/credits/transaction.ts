import { z } from "zod";
import { Credits } from "../../domain/credits/amounts.ts";
import { TransactionType } from "../../domain/credits/transactionType.ts";
import type { LedgerEvent } from "../../domain/credits/unfolding.ts";
import type { Recorded } from "../../kernel/decider.ts";
import { Left, left } from "./ledgerCommand.ts";

/** A line of the ledger: `amount` is positive whatever the type, `change` is what it did to the posted balance. */
export const Transaction = z.object({
  id: z.uuid(),
  type: TransactionType,
  amount: Credits,
  change: z.int(),
  balanceAfter: z.int(),
  description: z.string(),
  referenceId: z.string().nullable(),
  category: z.string().nullable(),
  createdAt: z.iso.datetime(),
});
export type Transaction = z.output<typeof Transaction>;

export const TransactionWritten = Left.extend({ transaction: Transaction });

type Moved = Extract<Recorded<LedgerEvent>, { data: { amount: number; description: string } }>;

/** `sign` says which way the event moved the balance. */
export const transactionWritten = (
  events: readonly Recorded<LedgerEvent>[],
  { id, data, metadata }: Moved,
  type: TransactionType,
  sign: 1 | -1,
): z.output<typeof TransactionWritten> => ({
  transaction: {
    id,
    type,
    amount: data.amount,
    change: sign * data.amount,
    balanceAfter: data.after.posted,
    description: data.description,
    referenceId: "referenceId" in data ? data.referenceId : null,
    category: "category" in data ? data.category : null,
    createdAt: metadata.occurredAt,
  },
  ...left(events),
});
