import { derivedId } from "../../src/kernel/ids.ts";
import {
  enter,
  fill,
  type Hold,
  inBurnOrder,
  type Ledger,
  ownedIn,
  type Part,
  periodOf,
  putBack,
  roomIn,
  spend,
  sum,
} from "./modelLedger.ts";

/** Does what is due, the earliest first. At one moment lots begin before they end, and holds end last. */
export const letTimePass = (ledger: Ledger, now: string): void => {
  for (;;) {
    const due = [
      ...ledger.coming.map((lot) => ({ at: lot.effectiveAt, happens: () => activate(ledger, lot) })),
      ...inBurnOrder(ledger.lots).map((lot) => ({ at: lot.expiresAt, happens: () => expire(ledger, lot) })),
      ...ledger.holds.map((hold) => ({ at: hold.expiresAt, happens: () => expireHold(ledger, hold) })),
    ].flatMap(({ at, happens }) => (at !== null && at <= now ? [{ at, happens }] : []));
    const [first] = due.toSorted((a, b) => (a.at === b.at ? 0 : a.at < b.at ? -1 : 1));
    if (!first) return;
    first.happens();
  }
};

const activate = (ledger: Ledger, lot: Ledger["coming"][number]): void => {
  const { effectiveAt, ...part } = lot;
  ledger.coming = ledger.coming.filter((each) => each !== lot);
  const settled = fill(ledger, part);
  enter(ledger, "CreditsActivated", { lot: lot.lot, amount: lot.amount, settled, effectiveAt });
};

const expire = (ledger: Ledger, { lot, amount, expiresAt }: Part): void => {
  ledger.lots = ledger.lots.filter((each) => each.lot !== lot);
  enter(ledger, "CreditsExpired", { lot, amount, expiredAt: expiresAt });
};

const expireHold = (ledger: Ledger, hold: Hold): void => {
  endHold(ledger, hold);
  enter(ledger, "HoldExpired", { holdId: hold.id, amount: sum(hold.parts), expiredAt: hold.expiresAt });
};

/** What it still reserves goes back. */
export const endHold = (ledger: Ledger, hold: Hold): void => {
  ledger.holds = ledger.holds.filter(({ id }) => id !== hold.id);
  putBack(ledger, hold.parts);
  spend(ledger, hold.charges, -sum(hold.parts));
};

/** Alerts of budgets, of the balance, and the recharge that is asked for. */
export const tellConsequences = (ledger: Ledger, now: string): void => {
  for (const budget of ledger.budgets) {
    const { budgetId, limit, spent, alertsAt, toldAt, periodStart } = budget;
    const reached = Math.max(0, ...alertsAt.filter((percent) => spent > 0 && spent * 100 >= limit * percent));
    if (reached <= toldAt || periodOf(budget, { now }) !== periodStart) continue;
    ledger.budgets = ledger.budgets.map((each) => (each === budget ? { ...each, toldAt: reached } : each));
    enter(ledger, "BudgetThresholdReached", { budgetId, threshold: reached, spent, limit, periodStart });
  }
  tellBalance(ledger);
  askForRecharge(ledger, now);
};

const tellBalance = (ledger: Ledger): void => {
  const { threshold, rearmAt, isLow } = ledger.alert;
  const available = ownedIn(ledger);
  if (threshold === null) return;
  if (!isLow && available < threshold) {
    ledger.alert = { threshold, rearmAt, isLow: true };
    enter(ledger, "LowBalanceReached", { threshold, available });
  } else if (isLow && available >= rearmAt) {
    ledger.alert = { threshold, rearmAt, isLow: false };
    enter(ledger, "BalanceRecovered", { rearmAt, available });
  }
};

const askForRecharge = (ledger: Ledger, now: string): void => {
  const { recharge } = ledger;
  const available = ownedIn(ledger);
  if (!recharge.isEnabled || recharge.pending || now < recharge.notBefore || available >= recharge.threshold) return;
  const cycle = cycleStart(ledger.openedAt, now);
  const periodStart = cycle > recharge.periodStart ? cycle : recharge.periodStart;
  const isNewPeriod = periodStart !== recharge.periodStart;
  const charged = isNewPeriod ? 0 : recharge.charged;
  const upTo = recharge.target ?? recharge.threshold;
  const gap = Math.min(roomIn(ledger), Math.max(recharge.amount, upTo - available));
  if (gap <= 0) return;
  const rest = recharge.periodCap - charged;
  const amount = rest >= recharge.amount ? Math.min(gap, rest) : gap;
  if (charged + amount > recharge.periodCap) {
    if (!isNewPeriod && recharge.isCapTold) return;
    ledger.recharge = { ...recharge, periodStart, charged, isCapTold: true };
    enter(ledger, "RechargeCapReached", { periodStart, charged, cap: recharge.periodCap });
    return;
  }
  const rechargeId = derivedId(ledger.workspaceId, "recharge", recharge.requests);
  const notBefore = new Date(Date.parse(now) + recharge.coolOffSeconds * 1_000).toISOString();
  ledger.recharge = {
    ...{ ...recharge, pending: { rechargeId, amount }, requests: recharge.requests + 1, notBefore },
    ...{ periodStart, charged: charged + amount, isCapTold: false },
  };
  enter(ledger, "RechargeRequested", { rechargeId, amount, available, requestedAt: now, periodStart });
};

/** The last monthly return of the day the ledger was opened on; the end of the month where it is too short. */
export const cycleStart = (openedAt: string, now: string): string => {
  const opened = new Date(openedAt);
  const at = new Date(now);
  const inMonth = (month: number): string => {
    const lastDay = new Date(Date.UTC(at.getUTCFullYear(), month + 1, 0)).getUTCDate();
    const start = new Date(opened);
    start.setUTCFullYear(at.getUTCFullYear(), month, Math.min(opened.getUTCDate(), lastDay));
    return start.toISOString();
  };
  const inThis = inMonth(at.getUTCMonth());
  return inThis <= now ? inThis : inMonth(at.getUTCMonth() - 1);
};
