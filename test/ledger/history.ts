import type { Asked, Told } from "./requests.ts";

/** What was asked of one ledger at once, and what was told. Times are numbers: what happened later has a higher one. */
export type Operation = {
  items: readonly Asked[];
  isAtomic: boolean;
  invokedAt: number;
  /** Infinity while nothing is known. */
  returnedAt: number;
  /** Absent when the outcome is unknown: it may have happened, happen yet, or never. */
  told?: readonly Told[];
  /** Ids of the transactions it was told of. */
  transactions: readonly (string | undefined)[];
  /** What was thrown that says neither. */
  failure?: unknown;
};

export const describe = ({ items, isAtomic, invokedAt, returnedAt, told }: Operation): string =>
  JSON.stringify({ at: [invokedAt, returnedAt], ...(isAtomic ? { isAtomic } : {}), items, told: told ?? "unknown" });
