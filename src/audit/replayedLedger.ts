import type { Charge } from "../domain/credits/budget.ts";
import { balanceOf, type OpenCreditLedger } from "../domain/credits/creditLedger.ts";
import { totalOf } from "../domain/credits/lots.ts";
import type { LedgerEvent } from "../domain/credits/unfolding.ts";
import { canonical } from "../eventstore/chain.ts";
import type { BudgetRow, HoldRow, LedgerRow, LotRow } from "./readModel.ts";

/** What a fold does not keep of a ledger's past, and read models show. */
export type Past = {
  /** By number, with what is left in none of them. */
  lots: Map<number, GrantedRow>;
  /** By id, open or not. */
  holds: Map<string, HoldRow>;
  /** By budget and the start of its period. */
  spent: Map<string, number>;
};
type GrantedRow = Omit<LotRow, "remaining" | "held" | "dueAt">;

export const noPast = (): Past => ({ lots: new Map(), holds: new Map(), spent: new Map() });
export const spentKey = (budgetId: string, periodStart: string): string => `${budgetId} ${periodStart}`;

/** Takes note of what one event does to lots, holds and budgets. */
export const note = (past: Past, event: LedgerEvent): void => {
  noteLots(past, event);
  noteHolds(past, event);
  noteSpending(past, event);
};

/** Of the lot that an event begins. */
const kinds: ReadonlyMap<string, string> = new Map([
  ["CreditsPurchased", "purchased"],
  ["CreditsGranted", "promotional"],
  ["CreditsAdjusted", "adjustment"],
  ["CreditsRecharged", "recharge"],
]);

const noteLots = ({ lots }: Past, { type, data }: LedgerEvent): void => {
  const change = (lot: number, changed: Partial<GrantedRow>) => {
    const row = lots.get(lot);
    if (row) lots.set(lot, { ...row, ...changed });
  };
  if (type === "CreditsActivated") change(data.lot, { status: "active" });
  if (type === "CreditsExpired")
    change(data.lot, { status: "expired", expired: (lots.get(data.lot)?.expired ?? 0) + data.amount });
  const kind = kinds.get(type);
  if (kind !== undefined && "priority" in data) {
    const { lot, priority, amount: granted, effectiveAt, expiresAt } = data;
    const status = effectiveAt === null ? "active" : "waiting";
    lots.set(lot, { lot, kind, priority, status, granted, expired: 0, effectiveAt, expiresAt });
  }
  // Credits can come back, or over from another workspace, as a lot that begins with them.
  if ("parts" in data)
    for (const { lot, kind, priority, amount: granted, expiresAt } of data.parts)
      if (lot !== 0 && !lots.has(lot))
        lots.set(lot, { lot, kind, priority, status: "active", granted, expired: 0, effectiveAt: null, expiresAt });
};

const noteHolds = ({ holds }: Past, { type, data }: LedgerEvent): void => {
  const end = (holdId: string, status: string, captured = 0) => {
    const hold = holds.get(holdId);
    if (hold) holds.set(holdId, { ...hold, status, captured: hold.captured + captured });
  };
  if (type === "HoldPlaced") {
    const { holdId, amount, expiresAt } = data;
    const placed = { parts: canonical(data.parts), charges: canonical(data.charges), expiresAt };
    holds.set(holdId, { holdId, status: "open", amount, captured: 0, ...placed });
  }
  if (type === "HoldCaptured") end(data.holdId, data.isFinal ? "captured" : "open", data.amount);
  if (type === "HoldReleased") end(data.holdId, "released");
  if (type === "HoldExpired") end(data.holdId, "expired");
};

/** An open hold counts only once it is captured. */
const noteSpending = ({ spent }: Past, { type, data }: LedgerEvent): void => {
  const charge = (amount: number, charges: readonly Charge[]) => {
    for (const { budgetId, periodStart } of charges) {
      const key = spentKey(budgetId, periodStart);
      spent.set(key, (spent.get(key) ?? 0) + amount);
    }
  };
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

/** All lots there ever were, with what the fold has left in them. */
export const lotsShould = ({ lots, coming, holds }: OpenCreditLedger, past: Past): Map<number, LotRow> => {
  const remaining = new Map([...lots, ...coming].map(({ lot, amount }) => [lot, amount]));
  const held = Map.groupBy(
    holds.flatMap(({ parts }) => parts),
    ({ lot }) => lot,
  );
  return new Map(
    [...past.lots].map(([lot, granted]) => [
      lot,
      {
        ...granted,
        dueAt: granted.status === "waiting" ? granted.effectiveAt : granted.expiresAt,
        remaining: remaining.get(lot) ?? 0,
        held: totalOf(held.get(lot) ?? []),
      },
    ]),
  );
};

export const budgetsShould = ({ budgets }: OpenCreditLedger): BudgetRow[] =>
  budgets.map(({ budgetId, limit, period, scope }) => ({
    ...{ budgetId, limit, period, scope: scope.kind },
    scopeId: "id" in scope ? scope.id : null,
  }));
