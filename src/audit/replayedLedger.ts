import { balanceOf, type OpenCreditLedger } from "../domain/credits/creditLedger.ts";
import { totalOf } from "../domain/credits/lots.ts";
import type { LedgerEvent } from "../domain/credits/unfolding.ts";
import type { BudgetRow, HoldRow, LedgerRow, LotRow } from "./readModel.ts";

/** What a fold does not keep of a ledger's past, and read models show. */
export type Past = {
  /** By id, open or not. */
  holds: Map<string, HoldRow>;
  /** By budget and the start of its period. */
  spent: Map<string, number>;
};

export const noPast = (): Past => ({ holds: new Map(), spent: new Map() });
export const spentKey = (budgetId: string, periodStart: string): string => `${budgetId} ${periodStart}`;

/** Takes note of what one event does to holds and budgets. */
export const note = ({ holds, spent }: Past, { type, data }: LedgerEvent): void => {
  const end = (holdId: string, status: string, captured = 0) => {
    const hold = holds.get(holdId);
    if (hold) holds.set(holdId, { ...hold, status, captured: hold.captured + captured });
  };
  const charge = (amount: number, charges: readonly { budgetId: string; periodStart: string }[]) => {
    for (const { budgetId, periodStart } of charges) {
      const key = spentKey(budgetId, periodStart);
      spent.set(key, (spent.get(key) ?? 0) + amount);
    }
  };
  if (type === "HoldPlaced")
    holds.set(data.holdId, { holdId: data.holdId, status: "open", amount: data.amount, captured: 0 });
  if (type === "HoldCaptured") end(data.holdId, data.isFinal ? "captured" : "open", data.amount);
  if (type === "HoldReleased") end(data.holdId, "released");
  if (type === "HoldExpired") end(data.holdId, "expired");
  if (type === "CreditsDebited" || type === "HoldCaptured") charge(data.amount, data.charges);
  if (type === "CreditsRefunded") charge(-data.amount, data.charges);
  if (type === "BudgetRemoved")
    for (const key of [...spent.keys()]) if (key.startsWith(data.budgetId)) spent.delete(key);
};

/** The rows there should be. */
export const ledgerShould = (ledger: OpenCreditLedger, revision: number): LedgerRow => ({
  ...balanceOf(ledger),
  creditLimit: ledger.creditLimit,
  planType: ledger.planType,
  autoRecharge: ledger.recharge.isEnabled,
  pendingRecharge: ledger.recharge.pending?.rechargeId ?? null,
  isLow: ledger.alert.isLow,
  revision,
});

/** All lots there ever were; what is known of one with nothing left in it is that. */
export const lotsShould = ({
  lots,
  coming,
  holds,
  lotCount,
}: OpenCreditLedger): (Partial<LotRow> & { lot: number })[] => {
  const present = new Map([...lots, ...coming].map((part) => [part.lot, part]));
  const held = Map.groupBy(
    holds.flatMap(({ parts }) => parts),
    ({ lot }) => lot,
  );
  return Array.from({ length: lotCount }, (_, index) => {
    const lot = index + 1;
    const part = present.get(lot);
    const terms = part && { kind: part.kind, priority: part.priority };
    return { lot, ...terms, remaining: part?.amount ?? 0, held: totalOf(held.get(lot) ?? []) };
  });
};

export const budgetsShould = ({ budgets }: OpenCreditLedger): BudgetRow[] =>
  budgets.map(({ budgetId, limit, period, scope }) => ({
    ...{ budgetId, limit, period, scope: scope.kind },
    scopeId: "id" in scope ? scope.id : null,
  }));
