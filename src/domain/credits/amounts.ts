import { z } from "zod";
import { text } from "../../kernel/text.ts";

/** Whole credits, 1 to 2^53 − 1: sums are exact. */
export const Credits = z.int().positive();
/** A level on the scale of credits, 0 included. */
export const CreditLevel = z.int().nonnegative();
export const balanceMax = Number.MAX_SAFE_INTEGER;

/**
 * What a ledger adds up to. `posted` is owned now: credits in effect and not expired, less what was drawn on the credit
 * limit. `held` is reserved by open holds. `available` = posted + credit limit − held, never negative.
 */
export const Balance = z.object({ available: CreditLevel, held: CreditLevel, posted: z.int() });
export type Balance = z.output<typeof Balance>;

export const Description = text(500);
export const ReferenceId = text(200);
/** What credits were spent on, for usage reports. */
export const Category = text(100);
