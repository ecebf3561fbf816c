import { z } from "zod";
import { Category, ReferenceId } from "../../domain/credits/amounts.ts";
import { TransactionType } from "../../domain/credits/transactionType.ts";

/** Of lines in a ledger, these: all of it where nothing is said. `from` is included, `to` is not. */
export const TransactionFilter = z.object({
  type: TransactionType.optional(),
  category: Category.optional(),
  referenceId: ReferenceId.optional(),
  from: z.iso.datetime().optional(),
  to: z.iso.datetime().optional(),
});
export type TransactionFilter = z.output<typeof TransactionFilter>;

/** Where a list goes on: with the lines before this revision, of which and of those listed there were `total`. */
const Continuation = z.strictObject({
  before: z.int().nonnegative(),
  total: z.int().nonnegative(),
  filter: TransactionFilter,
});
export type Continuation = z.output<typeof Continuation>;

const cursorLengthMax = 4_000;

/** Opaque: it brings the filter of the list it goes on with, so that none other can be mixed in. */
export const cursorOf = (continuation: Continuation): string =>
  Buffer.from(JSON.stringify(continuation)).toString("base64url");

export const continuationIn = (cursor: string): Continuation | undefined => {
  try {
    return Continuation.safeParse(JSON.parse(Buffer.from(cursor, "base64url").toString())).data;
  } catch {
    return undefined;
  }
};

export const TransactionCursor = z
  .string()
  .max(cursorLengthMax)
  .refine((cursor) => continuationIn(cursor) !== undefined, "is none that a list of transactions gave");
