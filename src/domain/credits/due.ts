import type { OpenCreditLedger } from "./creditLedger.ts";
import { type Happening, happen, type Unfolding } from "./unfolding.ts";

/** What time alone does until `now`, in its order: lots come into effect and expire, holds expire. */
export const letTimePass = (unfolding: Unfolding, now: string): Unfolding => {
  const { dueAt } = unfolding.ledger;
  if (dueAt === null || dueAt > now) return unfolding;
  const next = firstDue(unfolding.ledger);
  return next && next.at <= now ? letTimePass(happen(unfolding, next.happening), now) : unfolding;
};

type Due = { at: string; happening: Happening };

const firstDue = (ledger: OpenCreditLedger): Due | undefined =>
  [...activations(ledger), ...expiries(ledger), ...holdExpiries(ledger)].reduce<Due | undefined>(
    (first, due) => (first && first.at <= due.at ? first : due),
    undefined,
  );

const activations = ({ coming, debt }: OpenCreditLedger): Due[] =>
  coming.map(({ lot, amount, kind, effectiveAt, description }) => {
    const data = { lot, amount, kind, effectiveAt, description, settled: Math.min(debt, amount) };
    return { at: effectiveAt, happening: { type: "CreditsActivated", data } };
  });

const expiries = ({ lots }: OpenCreditLedger): Due[] =>
  lots.flatMap(({ lot, amount, kind, expiresAt }) =>
    expiresAt === null
      ? []
      : [{ at: expiresAt, happening: { type: "CreditsExpired", data: { lot, amount, kind, expiredAt: expiresAt } } }],
  );

const holdExpiries = ({ holds }: OpenCreditLedger): Due[] =>
  holds.map(({ holdId, amount, parts, expiresAt }) => {
    const data = { holdId, amount, parts: [...parts], expiredAt: expiresAt };
    return { at: expiresAt, happening: { type: "HoldExpired", data } };
  });
