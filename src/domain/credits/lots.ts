import { z } from "zod";
import { CreditLevel, Credits } from "./amounts.ts";

/** Where credits came from. Promotional ones and adjustments are free; the others were paid for. */
export const LotKind = z.enum(["purchased", "promotional", "adjustment", "recharge"]);
export type LotKind = z.output<typeof LotKind>;

export const PartKind = z.enum([...LotKind.options, "overdraft"]);

export const priorityDefault = 50;
/** Of two lots the one with the lower number is spent first. */
export const Priority = z.int().min(0).max(100);

/**
 * Some of the credits of one lot, with the lot's terms: whoever gives them back needs nothing else. Lot 0 of the kind
 * `overdraft` is the credit limit.
 */
export const Part = z.object({
  amount: Credits,
  expiresAt: z.iso.datetime().nullable(),
  kind: PartKind,
  lot: CreditLevel,
  priority: Priority,
});
export type Part = z.output<typeof Part>;

export const overdraft = (amount: number): Part => ({
  lot: 0,
  amount,
  kind: "overdraft",
  priority: 100,
  expiresAt: null,
});

/** Spent in this order: by priority, free before paid, the earliest to expire, the oldest. */
const burnOrder = (a: Part, b: Part): number =>
  a.priority - b.priority || costOf(a) - costOf(b) || compareExpiry(a.expiresAt, b.expiresAt) || a.lot - b.lot;

const costOf = ({ kind }: Part): number => (kind === "promotional" || kind === "adjustment" ? 0 : 1);

const compareExpiry = (a: string | null, b: string | null): number => {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -1 : 1;
};

export const totalOf = (parts: readonly { amount: number }[]): number =>
  parts.reduce((sum, { amount }) => sum + amount, 0);

/** What these parts took of the credit limit. */
export const overdrawn = (parts: readonly Part[]): number => totalOf(parts.filter(({ lot }) => lot === 0));

/** The first `amount` credits of these parts, in their order: all there are when there are fewer. */
export const taken = (parts: readonly Part[], amount: number): Part[] => {
  const taking: Part[] = [];
  let left = amount;
  for (const part of parts) {
    if (left === 0) break;
    const some = Math.min(left, part.amount);
    taking.push(some === part.amount ? part : { ...part, amount: some });
    left -= some;
  }
  return taking;
};

/** What is left of these parts when their first `amount` credits are gone. */
export const beyond = (parts: readonly Part[], amount: number): Part[] => {
  let gone = amount;
  return parts.flatMap((part) => {
    const some = Math.min(gone, part.amount);
    gone -= some;
    return some === part.amount ? [] : some === 0 ? [part] : [{ ...part, amount: part.amount - some }];
  });
};

/**
 * `lots` are in burn order, before and after; a lot of which nothing is left is gone. Undefined when there is less in
 * them than is to be taken out.
 */
export const withoutParts = (lots: readonly Part[], parts: readonly Part[]): readonly Part[] | undefined => {
  let left = lots;
  for (const { lot, amount } of parts) {
    if (lot === 0) continue;
    const index = left.findIndex((each) => each.lot === lot);
    const found = left[index];
    if (!found || found.amount < amount) return undefined;
    left =
      found.amount === amount
        ? left.toSpliced(index, 1)
        : left.with(index, { ...found, amount: found.amount - amount });
  }
  return left;
};

export const withParts = (lots: readonly Part[], parts: readonly Part[]): readonly Part[] =>
  parts.reduce<readonly Part[]>((before, part) => {
    if (part.lot === 0) return before;
    const index = before.findIndex(({ lot }) => lot === part.lot);
    const found = before[index];
    if (found) return before.with(index, { ...found, amount: found.amount + part.amount });
    const next = before.findIndex((each) => burnOrder(part, each) < 0);
    return before.toSpliced(next === -1 ? before.length : next, 0, part);
  }, lots);
