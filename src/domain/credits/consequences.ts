import { derivedId } from "../../kernel/ids.ts";
import { billingCycle } from "./billingCycle.ts";
import { currentPeriod, thresholdReached } from "./budget.ts";
import { balanceOf, type OpenCreditLedger, roomIn } from "./creditLedger.ts";
import { happen, type Unfolding } from "./unfolding.ts";

/** What follows from where a ledger stands: what is told about it, and the recharge it asks for. */
export const withConsequences = (unfolding: Unfolding, now: string): Unfolding =>
  withRecharge(withBalanceAlert(withBudgetAlerts(unfolding, now)), now);

const withBudgetAlerts = (unfolding: Unfolding, now: string): Unfolding =>
  unfolding.ledger.budgets.reduce((told, budget) => {
    const { budgetId, limit, periodStart, spent } = budget;
    const threshold = thresholdReached(budget);
    if (threshold <= budget.toldAt || currentPeriod(budget, now) !== periodStart) return told;
    return happen(told, { type: "BudgetThresholdReached", data: { budgetId, threshold, periodStart, spent, limit } });
  }, unfolding);

/** The credit limit is there for a shortage, not to keep one from being seen: thresholds look at what is owned. */
const ownCredits = (ledger: OpenCreditLedger): number => balanceOf(ledger).available - ledger.creditLimit;

/** Told once, and again only after the balance had recovered. */
const withBalanceAlert = (unfolding: Unfolding): Unfolding => {
  const { threshold, rearmAt, isLow } = unfolding.ledger.alert;
  if (threshold === null) return unfolding;
  const available = ownCredits(unfolding.ledger);
  if (!isLow && available < threshold)
    return happen(unfolding, { type: "LowBalanceReached", data: { threshold, available } });
  if (isLow && available >= rearmAt)
    return happen(unfolding, { type: "BalanceRecovered", data: { rearmAt, available } });
  return unfolding;
};

/** One in flight, sized to the gap, no sooner than the cool-off allows and never beyond the cap of the cycle. */
const withRecharge = (unfolding: Unfolding, now: string): Unfolding => {
  const { recharge, openedAt, workspaceId } = unfolding.ledger;
  const available = ownCredits(unfolding.ledger);
  const mayAsk = recharge.isEnabled && !recharge.pending && (recharge.notBefore === null || now >= recharge.notBefore);
  if (!mayAsk || available >= recharge.threshold) return unfolding;

  const cycle = billingCycle(openedAt, now).start;
  const periodStart = cycle > recharge.periodStart ? cycle : recharge.periodStart;
  const isSamePeriod = periodStart === recharge.periodStart;
  const charged = isSamePeriod ? recharge.charged : 0;
  const gap = (recharge.target ?? recharge.threshold) - available;
  const wanted = Math.min(Math.max(recharge.amount, gap), roomIn(unfolding.ledger));
  if (wanted <= 0) return unfolding;
  const leftOfCap = recharge.periodCap - charged;
  // Rather some of the gap than none of it.
  const amount = leftOfCap < wanted && leftOfCap >= recharge.amount ? leftOfCap : wanted;
  if (amount <= leftOfCap) {
    const rechargeId = derivedId(workspaceId, "recharge", recharge.requests);
    const data = { rechargeId, amount, available, requestedAt: now, periodStart };
    return happen(unfolding, { type: "RechargeRequested", data });
  }
  if (isSamePeriod && recharge.isCapTold) return unfolding;
  return happen(unfolding, { type: "RechargeCapReached", data: { periodStart, charged, cap: recharge.periodCap } });
};
