import type { Asked } from "./requests.ts";

/**
 * What a ledger is, said a second time and as plainly as it can be: nothing is cached, every balance is a sum, what is
 * due is looked for everywhere each time. It shares no code with the ledger it judges.
 */
export type Entry = { type: string; after: Balance; [field: string]: unknown };
type Balance = { posted: number; held: number; available: number };

/** Some credits of a lot; lot 0 is the credit limit. */
export type Part = { lot: number; amount: number; kind: string; priority: number; expiresAt: string | null };
export type Charge = { budgetId: string; periodStart: string };
export type Hold = {
  id: string;
  parts: Part[];
  charges: Charge[];
  expiresAt: string;
  description: string;
  referenceId: string | null;
  category: string | null;
};
type Debit = { key: string; amount: number; parts: Part[]; charges: Charge[]; at: string };
type Scope = { kind: "workspace" } | { kind: "member" | "api_key"; id: string };
type Budget = {
  budgetId: string;
  scope: Scope;
  limit: number;
  period: "day" | "week" | "month";
  alertsAt: number[];
  periodStart: string;
  spent: number;
  toldAt: number;
};
type Settings = {
  isEnabled: boolean;
  threshold: number;
  amount: number;
  target: number | null;
  coolOffSeconds: number;
  periodCap: number;
};
type Recharge = Settings & {
  requests: number;
  pending: { rechargeId: string; amount: number } | null;
  notBefore: string;
  failures: number;
  isSuspended: boolean;
  periodStart: string;
  charged: number;
  isCapTold: boolean;
};

/** Arrays are replaced and never changed, so that a copy of the object is a copy of the ledger. */
export type Ledger = {
  isOpen: boolean;
  isClosed: boolean;
  workspaceId: string;
  organizationId: string;
  /** Of the debit with this transaction id, if it is one: ids are the server's to choose. */
  keyOf: (transactionId: string) => string | undefined;
  plan: string;
  openedAt: string;
  creditLimit: number;
  lots: Part[];
  coming: (Part & { effectiveAt: string })[];
  lotCount: number;
  debt: number;
  holds: Hold[];
  /** Sent, and neither received nor back. */
  transfers: { id: string; parts: Part[] }[];
  debits: Debit[];
  refunds: { key: string; amount: number; until: string }[];
  /** Debits that could be refunded until then are over, for whoever comes with a clock that is behind as well. */
  refundsClosedUntil: string;
  budgets: Budget[];
  alert: { threshold: number | null; rearmAt: number; isLow: boolean };
  recharge: Recharge;
  /** How many events there are. */
  written: number;
  /** What has happened by the command that is being carried out. */
  entries: Entry[];
};

export const unopenedLedger = (workspaceId: string, keyOf: Ledger["keyOf"]): Ledger => ({
  ...{ isOpen: false, isClosed: false, workspaceId, organizationId: "", keyOf, plan: "", openedAt: "" },
  ...{ creditLimit: 0, written: 0, entries: [], lots: [], coming: [], lotCount: 0, debt: 0, holds: [] },
  ...{ transfers: [], debits: [], refunds: [], budgets: [] },
  refundsClosedUntil: "",
  alert: { threshold: null, rearmAt: 0, isLow: false },
  recharge: {
    ...{ isEnabled: false, threshold: 0, amount: 0, target: null, coolOffSeconds: 60, periodCap: 0, requests: 0 },
    ...{ pending: null, notBefore: "", failures: 0, isSuspended: false, periodStart: "", charged: 0, isCapTold: false },
  },
});

export const sum = (parts: readonly { amount: number }[]): number => {
  let total = 0;
  for (const { amount } of parts) total += amount;
  return total;
};
export const overdrawn = (parts: readonly Part[]): number => sum(parts.filter(({ lot }) => lot === 0));

const freeOf = ({ lots }: Ledger): number => sum(lots);

export const balanceOf = (ledger: Ledger): Balance => {
  const reserved = ledger.holds.flatMap(({ parts }) => parts);
  const held = sum(reserved);
  const posted = freeOf(ledger) + held - overdrawn(reserved) - ledger.debt;
  return { posted, held, available: posted + ledger.creditLimit - held };
};

/** What can be spent without the credit limit; less than nothing where some of it is used. */
export const ownedIn = (ledger: Ledger): number => {
  const { posted, held } = balanceOf(ledger);
  return posted - held;
};

/** Something has happened, and the ledger already shows it. */
export const enter = (ledger: Ledger, type: string, fields: Record<string, unknown> = {}): void => {
  const after = balanceOf(ledger);
  if (after.available < 0) throw new Error(`the model itself went below zero by ${type}`);
  ledger.entries = [...ledger.entries, { ...fields, type, after }];
  ledger.written += 1;
};

/** The order credits are spent in: priority, free before paid, the earliest to expire, the oldest. */
export const inBurnOrder = (lots: readonly Part[]): Part[] =>
  lots.toSorted((a, b) => {
    if (a.priority !== b.priority) return a.priority - b.priority;
    if (isPaid(a) !== isPaid(b)) return isPaid(a) ? 1 : -1;
    const [aEnds, bEnds] = [a.expiresAt ?? "never", b.expiresAt ?? "never"];
    if (aEnds !== bEnds) return aEnds < bEnds ? -1 : 1;
    return a.lot - b.lot;
  });
const isPaid = ({ kind }: Part): boolean => kind === "purchased" || kind === "recharge";

/** The credits from the `from`-th on, `amount` of them, of parts laid end to end. */
export const slice = (parts: readonly Part[], from: number, amount: number): Part[] => {
  let at = 0;
  return parts.flatMap((part) => {
    const [begin, end] = [Math.max(from, at), Math.min(from + amount, at + part.amount)];
    at += part.amount;
    return end > begin ? [{ ...part, amount: end - begin }] : [];
  });
};

/** Takes credits out of the lots, and what they do not have of the credit limit. */
export const take = (ledger: Ledger, amount: number): Part[] => {
  const order = inBurnOrder(ledger.lots);
  const free = freeOf(ledger);
  ledger.lots = slice(order, amount, free);
  const parts = slice(order, 0, amount);
  return amount <= free
    ? parts
    : [...parts, { lot: 0, amount: amount - free, kind: "overdraft", priority: 100, expiresAt: null }];
};

/** Puts credits into the lots they are of. */
export const putBack = (ledger: Ledger, parts: readonly Part[]): void => {
  for (const part of parts) {
    if (part.lot === 0) continue;
    ledger.lotCount = Math.max(ledger.lotCount, part.lot);
    const there = ledger.lots.find(({ lot }) => lot === part.lot);
    ledger.lots = there
      ? ledger.lots.map((lot) => (lot === there ? { ...lot, amount: lot.amount + part.amount } : lot))
      : [...ledger.lots, part];
  }
};

/** A lot begins: what was drawn on the credit limit is paid back from it. @returns how much of it */
export const fill = (ledger: Ledger, lot: Part): number => {
  const settled = Math.min(ledger.debt, lot.amount);
  ledger.debt -= settled;
  if (lot.amount > settled) putBack(ledger, [{ ...lot, amount: lot.amount - settled }]);
  return settled;
};

export const debitOf = (ledger: Ledger, transactionId: string): Debit | undefined => {
  const key = ledger.keyOf(transactionId);
  return ledger.debits.find((debit) => debit.key === key);
};

export const spend = (ledger: Ledger, charges: readonly Charge[], amount: number): void => {
  for (const { budgetId, periodStart } of charges)
    ledger.budgets = ledger.budgets.map((budget) => {
      if (budget.budgetId !== budgetId || periodStart < budget.periodStart) return budget;
      if (periodStart > budget.periodStart)
        return amount <= 0 ? budget : { ...budget, periodStart, spent: amount, toldAt: 0 };
      return { ...budget, spent: Math.max(0, budget.spent + amount) };
    });
};

export const periodOf = ({ period, periodStart }: Budget, { now }: Pick<Asked, "now">): string => {
  const day = new Date(`${now.slice(0, 10)}T00:00:00.000Z`);
  if (period === "month") day.setUTCDate(1);
  if (period === "week") while (day.getUTCDay() !== 1) day.setUTCDate(day.getUTCDate() - 1);
  const start = day.toISOString();
  return start > periodStart ? start : periodStart;
};

/** What more there may be: what waits, is charged for, may come back or may be drawn has its room already. */
export const roomIn = (ledger: Ledger): number => {
  const charged = ledger.recharge.pending?.amount ?? 0;
  const owned = Math.max(0, balanceOf(ledger).posted);
  const sent = sum(ledger.transfers.flatMap(({ parts }) => parts));
  return Number.MAX_SAFE_INTEGER - ledger.creditLimit - owned - sum(ledger.coming) - sent - charged;
};
