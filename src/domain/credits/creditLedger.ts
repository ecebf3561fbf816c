import type { Aggregate } from "../../kernel/decider.ts";
import { type Balance, balanceMax } from "./amounts.ts";
import { type Budget, type Charge, charged, thresholdReached } from "./budget.ts";
import { type LedgerEvents, ledgerEvents } from "./ledgerEvents.ts";
import { beyond, type LotKind, overdrawn, type Part, totalOf, withoutParts, withParts } from "./lots.ts";
import type { PlanType } from "./plans.ts";
import { noRecharge, type Recharge } from "./recharge.ts";
import { type Refunds, withRefund } from "./refunds.ts";
import { dueBy, dueWithout, scheduled } from "./schedule.ts";

/** Credits set aside: `parts` are in no lot any more. */
export type Hold = {
  holdId: string;
  amount: number;
  parts: readonly Part[];
  charges: readonly Charge[];
  expiresAt: string;
  description: string;
  referenceId: string | null;
  category: string | null;
};

/** A lot whose time has not come. */
export type Coming = Part & { effectiveAt: string; description: string; referenceId: string | null };

export type OpenCreditLedger = Refunds & {
  status: "open";
  /** Its workspace is gone: what is under way comes to its end, and nothing new begins. */
  isClosed: boolean;
  workspaceId: string;
  organizationId: string;
  planType: PlanType;
  openedAt: string;
  creditLimit: number;
  /** In effect, in the order they are spent in; without what holds reserve of them. */
  lots: readonly Part[];
  coming: readonly Coming[];
  /** How many lots there were ever: each has a number of its own. */
  lotCount: number;
  /** Drawn on the credit limit. */
  debt: number;
  /** Oldest first. */
  holds: readonly Hold[];
  /** Totals of `lots` and of `holds`; of the latter, what is reserved of the credit limit. */
  free: number;
  held: number;
  heldOverdraft: number;
  /** Sent, and neither received nor returned. */
  transfers: readonly { transferId: string; parts: readonly Part[] }[];
  budgets: readonly Budget[];
  recharge: Recharge;
  alert: { threshold: number | null; rearmAt: number; isLow: boolean };
  /** No lot and no hold is due by time alone before this; null for never. It may come early, never late. */
  dueAt: string | null;
};
export type CreditLedger = { status: "unopened" } | OpenCreditLedger;

export const balanceOf = ({ free, held, heldOverdraft, debt, creditLimit }: OpenCreditLedger): Balance => ({
  posted: free + held - heldOverdraft - debt,
  held,
  available: free + creditLimit - debt - heldOverdraft,
});

/** How much more may come, with all that may yet come by itself, so that every sum stays exact. */
export const roomIn = (ledger: OpenCreditLedger): number => {
  const { coming, transfers, recharge, creditLimit } = ledger;
  const mayReturn = transfers.reduce((sum, { parts }) => sum + totalOf(parts), 0);
  const expected = totalOf(coming) + mayReturn + (recharge.pending?.amount ?? 0);
  return balanceMax - creditLimit - Math.max(0, balanceOf(ledger).posted) - expected;
};

type Evolving<Data> = (ledger: OpenCreditLedger, data: Data) => OpenCreditLedger;

/**
 * What does not fit a ledger as it is changes nothing: an event before the first one, or about a lot, a hold or a
 * transfer that is not there, or not with this amount. So any history can be read, and an audit says what is wrong.
 */
const onOpen =
  <Data>(evolve: Evolving<Data>) =>
  (ledger: CreditLedger, data: Data): CreditLedger =>
    ledger.status === "open" ? evolve(ledger, data) : ledger;

/** On a ledger out of whose lots the parts are gone already. */
const onDrawn = <Data extends { parts: readonly Part[] }>(evolve: Evolving<Data>) =>
  onOpen<Data>((ledger, data) => {
    const rest = drawn(ledger, data.parts);
    return rest ? evolve(rest, data) : ledger;
  });

/** A workspace's prepaid credits. Its id is the workspace's; its events carry the hash chain auditors verify. */
export const creditLedger: Aggregate<LedgerEvents, CreditLedger> = {
  category: "credit_ledger",
  events: ledgerEvents,
  initial: { status: "unopened" },
  ledger: { foldVersion: 5 },
  evolve: {
    LedgerOpened: (ledger, { workspaceId, organizationId, planType, creditLimit, openedAt }) =>
      ledger.status === "open"
        ? ledger
        : {
            status: "open",
            isClosed: false,
            workspaceId,
            organizationId,
            planType,
            openedAt,
            creditLimit,
            lots: [],
            coming: [],
            lotCount: 0,
            debt: 0,
            holds: [],
            free: 0,
            held: 0,
            heldOverdraft: 0,
            refunds: [],
            refundsClosedUntil: "",
            transfers: [],
            budgets: [],
            recharge: noRecharge,
            dueAt: null,
            alert: { threshold: null, rearmAt: 0, isLow: false },
          },
    LedgerClosed: onOpen((ledger) => ({ ...recharging(ledger, { isEnabled: false }), isClosed: true })),
    CreditLimitSet: onOpen((ledger, { creditLimit }) => ({ ...ledger, creditLimit })),

    CreditsPurchased: onOpen((ledger, data) => granted(ledger, "purchased", data)),
    CreditsGranted: onOpen((ledger, data) => granted(ledger, "promotional", data)),
    CreditsAdjusted: onOpen((ledger, data) => granted(ledger, "adjustment", data)),
    CreditsRecharged: onOpen((ledger, data) => ({
      ...granted(ledger, "recharge", data),
      recharge: { ...ledger.recharge, pending: null, failures: 0 },
    })),
    CreditsActivated: onOpen((ledger, { lot, settled }) => {
      const activated = ledger.coming.find((each) => each.lot === lot);
      if (!activated) return ledger;
      const rest = { ...ledger, coming: ledger.coming.filter((each) => each !== activated) };
      return scheduled(filled(rest, partOf(activated), settled));
    }),
    CreditsExpired: onOpen((ledger, { lot, amount }) => {
      const lots = ledger.lots.filter((each) => each.lot !== lot || each.amount !== amount);
      return lots.length === ledger.lots.length ? ledger : scheduled({ ...ledger, lots, free: ledger.free - amount });
    }),

    CreditsDebited: onDrawn((rest, { charges, amount }) => charge(rest, charges, amount)),
    CreditsDeducted: onDrawn((rest) => rest),
    CreditsRefunded: onOpen((ledger, refund) => {
      const { amount, parts, settled, charges } = refund;
      return charge({ ...returned(ledger, parts, settled), ...withRefund(ledger, refund) }, charges, -amount);
    }),

    HoldPlaced: onDrawn((rest, { holdId, amount, parts, charges, expiresAt, description, referenceId, category }) => {
      const hold = { holdId, amount, parts, charges, expiresAt, description, referenceId, category };
      const overdraft = overdrawn(parts);
      const reserved = { debt: rest.debt - overdraft, heldOverdraft: rest.heldOverdraft + overdraft };
      const counted = { holds: [...rest.holds, hold], held: rest.held + amount };
      return charge(dueBy({ ...rest, ...reserved, ...counted }, expiresAt), charges, amount);
    }),
    HoldCaptured: onOpen((ledger, { holdId, amount, parts, released, isFinal }) => {
      const hold = ledger.holds.find((each) => each.holdId === holdId);
      if (!hold || hold.amount - amount < totalOf(released)) return ledger;
      const rest = { ...hold, amount: hold.amount - amount, parts: beyond(hold.parts, amount) };
      const captured = {
        debt: ledger.debt + overdrawn(parts),
        held: ledger.held - amount,
        heldOverdraft: ledger.heldOverdraft - overdrawn(parts),
        holds: ledger.holds.map((each) => (each === hold ? rest : each)),
      };
      return isFinal ? freed({ ...ledger, ...captured }, holdId, released) : { ...ledger, ...captured };
    }),
    HoldReleased: onOpen((ledger, { holdId, parts }) => freed(ledger, holdId, parts)),
    HoldExpired: onOpen((ledger, { holdId, parts }) => scheduled(freed(ledger, holdId, parts))),

    TransferSent: onDrawn((rest, { transferId, parts }) => ({
      ...rest,
      transfers: [...rest.transfers, { transferId, parts }],
    })),
    TransferReceived: onOpen((ledger, { parts, settled }) => returned(ledger, parts, settled)),
    TransferRefused: (ledger) => ledger,
    TransferCompleted: onOpen((ledger, { transferId }) => arrived(ledger, transferId)),
    TransferReturned: onOpen((ledger, { transferId, parts, settled }) => {
      const rest = arrived(ledger, transferId);
      return rest === ledger ? ledger : returned(rest, parts, settled);
    }),

    AutoRechargeConfigured: onOpen((ledger, settings) => {
      const { isEnabled, threshold, amount, target, coolOffSeconds, periodCap } = settings;
      const asked = { isEnabled, threshold, amount, target, coolOffSeconds, periodCap };
      return recharging(ledger, { ...asked, failures: 0, isSuspended: false, isCapTold: false });
    }),
    RechargeRequested: onOpen((ledger, { rechargeId, amount, requestedAt, periodStart }) => {
      const { recharge } = ledger;
      const before = recharge.periodStart === periodStart ? recharge.charged : 0;
      const notBefore = new Date(Date.parse(requestedAt) + recharge.coolOffSeconds * 1_000).toISOString();
      const requested = { pending: { rechargeId, amount }, requests: recharge.requests + 1, notBefore };
      return recharging(ledger, { ...requested, periodStart, charged: before + amount, isCapTold: false });
    }),
    RechargeDeclined: onOpen((ledger, { amount, failures, retryAt }) => {
      const charged = Math.max(0, ledger.recharge.charged - amount);
      return recharging(ledger, { pending: null, charged, failures, notBefore: retryAt });
    }),
    AutoRechargeSuspended: onOpen((ledger) => recharging(ledger, { isEnabled: false, isSuspended: true })),
    RechargeCapReached: onOpen((ledger, { periodStart, charged }) =>
      recharging(ledger, { periodStart, charged, isCapTold: true }),
    ),

    BudgetSet: onOpen((ledger, { budgetId, scope, limit, period, alertsAt }) => {
      const before = ledger.budgets.find((each) => each.budgetId === budgetId);
      const { periodStart, spent } = before ?? { periodStart: "", spent: 0 };
      const budget = { budgetId, scope, limit, period, alertsAt, periodStart, spent, toldAt: 0 };
      // What was told and is still so is not told again; what is not so any more may be.
      const toldAt = Math.min(before?.toldAt ?? 0, thresholdReached(budget));
      return { ...ledger, budgets: [...ledger.budgets.filter((each) => each !== before), { ...budget, toldAt }] };
    }),
    BudgetRemoved: onOpen((ledger, { budgetId }) => ({
      ...ledger,
      budgets: ledger.budgets.filter((each) => each.budgetId !== budgetId),
    })),
    BudgetThresholdReached: onOpen((ledger, { budgetId, threshold: toldAt }) => ({
      ...ledger,
      budgets: ledger.budgets.map((each) => (each.budgetId === budgetId ? { ...each, toldAt } : each)),
    })),
    BalanceAlertConfigured: onOpen((ledger, { threshold, rearmAt }) => ({
      ...ledger,
      // What was told before its terms were changed is not told again by reason of them.
      alert: { threshold, rearmAt, isLow: threshold !== null && ledger.alert.isLow },
    })),
    LowBalanceReached: onOpen((ledger) => ({ ...ledger, alert: { ...ledger.alert, isLow: true } })),
    BalanceRecovered: onOpen((ledger) => ({ ...ledger, alert: { ...ledger.alert, isLow: false } })),
  },
};

const partOf = ({ lot, amount, kind, priority, expiresAt }: Part): Part => ({ lot, amount, kind, priority, expiresAt });

const fromLots = (parts: readonly Part[]): number => totalOf(parts) - overdrawn(parts);

type Granted = Omit<Coming, "effectiveAt"> & { effectiveAt: string | null; settled: number };

const granted = (ledger: OpenCreditLedger, kind: LotKind, grant: Omit<Granted, "kind">): OpenCreditLedger => {
  const { effectiveAt, description, referenceId, settled } = grant;
  const part = { ...partOf({ ...grant, kind }), kind };
  const counted = { ...ledger, lotCount: Math.max(ledger.lotCount, grant.lot) };
  if (effectiveAt === null) return filled(counted, part, settled);
  return dueBy(
    { ...counted, coming: [...ledger.coming, { ...part, effectiveAt, description, referenceId }] },
    effectiveAt,
  );
};

/** A lot comes into effect; what was drawn on the credit limit is paid back from it first. */
const filled = (ledger: OpenCreditLedger, part: Part, settled: number): OpenCreditLedger =>
  returned(ledger, part.amount === settled ? [] : [{ ...part, amount: part.amount - settled }], settled);

/** Parts go to the lots they name, which there are or which begin with them. */
const returned = (ledger: OpenCreditLedger, parts: readonly Part[], settled: number): OpenCreditLedger => {
  const lotCount = parts.reduce((count, { lot }) => Math.max(count, lot), ledger.lotCount);
  const lots = withParts(ledger.lots, parts);
  const filled = { ...ledger, lots, lotCount, free: ledger.free + fromLots(parts), debt: ledger.debt - settled };
  return parts.reduce((into, { expiresAt }) => dueBy(into, expiresAt), filled);
};

/** Undefined when the parts are not in the lots. */
const drawn = (ledger: OpenCreditLedger, parts: readonly Part[]): OpenCreditLedger | undefined => {
  const lots = withoutParts(ledger.lots, parts);
  if (!lots) return undefined;
  const { free, debt } = ledger;
  const rest = { ...ledger, lots, free: free - fromLots(parts), debt: debt + overdrawn(parts) };
  return lots.length < ledger.lots.length ? dueWithout(rest, parts) : rest;
};

/** The hold is over: these parts of it, all that was left, go back. */
const freed = (ledger: OpenCreditLedger, holdId: string, parts: readonly Part[]): OpenCreditLedger => {
  const amount = totalOf(parts);
  const hold = ledger.holds.find((each) => each.holdId === holdId && each.amount === amount);
  if (!hold) return ledger;
  const back = {
    ...returned(ledger, parts, 0),
    holds: ledger.holds.filter((each) => each !== hold),
    held: ledger.held - amount,
    heldOverdraft: ledger.heldOverdraft - overdrawn(parts),
  };
  return charge(dueWithout(back, [hold]), hold.charges, -amount);
};

const arrived = (ledger: OpenCreditLedger, transferId: string): OpenCreditLedger => {
  const transfers = ledger.transfers.filter((each) => each.transferId !== transferId);
  return transfers.length === ledger.transfers.length ? ledger : { ...ledger, transfers };
};

const charge = (ledger: OpenCreditLedger, charges: readonly Charge[], amount: number): OpenCreditLedger =>
  charges.length === 0 ? ledger : { ...ledger, budgets: charged(ledger.budgets, charges, amount) };

const recharging = (ledger: OpenCreditLedger, changed: Partial<Recharge>): OpenCreditLedger => ({
  ...ledger,
  recharge: { ...ledger.recharge, ...changed },
});
