import type { Coming, Hold, OpenCreditLedger } from "./creditLedger.ts";
import type { Part } from "./lots.ts";
import { earliest } from "./schedule.ts";
import { type Happening, happen, type Unfolding } from "./unfolding.ts";

/**
 * So many events one pass may write, counting ten parts of a hold as one more: twice that, before and after what a
 * command was for, is well within what the store takes in one append.
 */
export const dueMax = 200;
const partsPerEvent = 10;

/** What time alone does until `now`, in its order: lots come into effect and expire, holds expire. */
export const letTimePass = (unfolding: Unfolding, now: string, max = Number.POSITIVE_INFINITY): Unfolding => {
  let passed = unfolding;
  let count = 0;
  for (;;) {
    const next = firstDue(passed.ledger, now);
    if (!next) return passed;
    count += 1 + ("parts" in next.data ? next.data.parts.length / partsPerEvent : 0);
    if (count > max && passed !== unfolding) return passed;
    passed = happen(passed, next);
  }
};

export const isBehind = (ledger: OpenCreditLedger, now: string): boolean => firstDue(ledger, now) !== undefined;

/** At one moment lots take effect before they expire, and holds expire last. */
const firstDue = (ledger: OpenCreditLedger, now: string): Happening | undefined => {
  if (ledger.dueAt === null || ledger.dueAt > now) return undefined;
  const coming = earliest(ledger.coming, ({ effectiveAt }) => effectiveAt);
  const lot = earliest(ledger.lots, ({ expiresAt }) => expiresAt);
  const hold = earliest(ledger.holds, ({ expiresAt }) => expiresAt);
  const first = [coming, lot, hold].reduce((one, other) => (other && (!one || other.at < one.at) ? other : one));
  if (!first || first.at > now) return undefined;
  if (first === coming) return activation(coming.one, ledger.debt);
  return first === lot ? expiry(lot.one, lot.at) : hold && holdExpiry(hold.one);
};

const activation = ({ lot, amount, kind, effectiveAt, description, referenceId }: Coming, debt: number): Happening => ({
  type: "CreditsActivated",
  data: { lot, amount, kind, effectiveAt, description, referenceId, settled: Math.min(debt, amount) },
});

const expiry = ({ lot, amount, kind }: Part, expiredAt: string): Happening => ({
  type: "CreditsExpired",
  data: { lot, amount, kind, expiredAt },
});

const holdExpiry = ({ holdId, amount, parts, expiresAt }: Hold): Happening => ({
  type: "HoldExpired",
  data: { holdId, amount, parts: [...parts], expiredAt: expiresAt },
});
