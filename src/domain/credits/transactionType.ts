import { z } from "zod";

/** One word for each way posted credits change (BILL-09). A capture is a debit that had been held. */
export const TransactionType = z.enum([
  "purchase",
  "grant",
  "debit",
  "recharge",
  "refund",
  "adjustment",
  "expiry",
  "transfer_out",
  "transfer_in",
  "transfer_return",
]);
export type TransactionType = z.output<typeof TransactionType>;
