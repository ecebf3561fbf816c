import type { OpenCreditLedger } from "../domain/credits/creditLedger.ts";
import { beyond, overdrawn, type Part, priorityDefault, taken, totalOf } from "../domain/credits/lots.ts";
import type { LedgerEvent } from "../domain/credits/unfolding.ts";
import { canonical } from "../eventstore/chain.ts";
import { revisionIn } from "../kernel/ids.ts";
import type { EventIndex, Taking } from "./eventIndex.ts";

/** What an event leaves to be refunded, and where it goes back to then. */
export const refundableOf = ({ type, data }: LedgerEvent): { refundable: number; taking: Taking | null } =>
  type === "CreditsDebited" || type === "HoldCaptured"
    ? { refundable: data.amount, taking: { parts: data.parts, charges: data.charges } }
    : { refundable: 0, taking: null };

/**
 * Never more comes back than was spent, to the lots it came from and the budgets it counted in. The id of what is
 * refunded says where it stands.
 */
export const refundBreach = (index: EventIndex, before: OpenCreditLedger, event: LedgerEvent): string | undefined => {
  if (event.type !== "CreditsRefunded") return undefined;
  const { debitId, amount, parts, settled, charges } = event.data;
  const revision = Number(revisionIn(debitId) ?? -1n);
  const debit = index.at(revision);
  if (debit?.id !== debitId.toLowerCase()) return `the debit ${debitId} is not in the ledger before it`;
  const left = debit.refundable - amount;
  if (left < 0) return `${amount} are refunded of ${debitId}, of which ${debit.refundable} can be`;
  const taking = index.takingAt(revision) ?? { parts: [], charges: [] };
  const should = restored(before, taking.parts, debit.refundable, amount);
  if (settled !== should.settled || canonical(parts) !== canonical(should.parts))
    return `it gives back other parts than ${debitId} took`;
  if (canonical(charges) !== canonical(taking.charges))
    return `it gives back to other budgets than ${debitId} was charged to`;
  index.setRefundable(revision, left);
  return undefined;
};

/**
 * What was taken last comes back first. What had been drawn on the credit limit is paid back, or is a lot of its own
 * when it was paid back before.
 */
const restored = (
  { debt, lotCount }: OpenCreditLedger,
  taking: readonly Part[],
  refundable: number,
  amount: number,
): { parts: Part[]; settled: number } => {
  const portion = taken(beyond(taking.toReversed(), totalOf(taking) - refundable), amount);
  const parts = portion.filter(({ lot }) => lot !== 0);
  const settled = Math.min(overdrawn(portion), debt);
  const owned = overdrawn(portion) - settled;
  if (owned === 0) return { parts, settled };
  const own: Part = {
    lot: lotCount + 1,
    kind: "adjustment",
    priority: priorityDefault,
    expiresAt: null,
    amount: owned,
  };
  return { parts: [...parts, own], settled };
};
