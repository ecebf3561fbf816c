import { done, later, left, type Rules, transaction } from "./modelAnswers.ts";
import { enter, fill, type Ledger } from "./modelLedger.ts";
import { refuse } from "./modelRefusal.ts";

const whose = ({ scope }: Pick<Ledger["budgets"][number], "scope">): string =>
  scope.kind === "workspace" ? "" : `${scope.kind} ${scope.id}`;

export const limits: Pick<Rules, "SetBudget" | "RemoveBudget" | "ConfigureBalanceAlert"> = {
  SetBudget(ledger, { budgetId, scope, limit, period, alertsAt = [80, 100] }) {
    const before = ledger.budgets.find((each) => each.budgetId === budgetId);
    if (before && (before.period !== period || whose(before) !== whose({ scope })))
      return refuse("conflict", "BUDGET_IS_FIXED", { budgetId, scope: before.scope, period: before.period });
    const { periodStart, spent } = before ?? { periodStart: "", spent: 0 };
    const others = ledger.budgets.filter((each) => each.budgetId !== budgetId);
    const reached = alertsAt.filter((percent) => spent > 0 && spent * 100 >= limit * percent);
    const toldAt = Math.min(before?.toldAt ?? 0, Math.max(0, ...reached));
    ledger.budgets = [...others, { budgetId, scope, limit, period, alertsAt, periodStart, spent, toldAt }];
    enter(ledger, "BudgetSet", { budgetId, limit });
    return done((entries) => ({ budget: { id: budgetId, scope, limit, period, alertsAt }, ...left(entries) }));
  },
  RemoveBudget(ledger, { budgetId }) {
    if (!ledger.budgets.some((each) => each.budgetId === budgetId)) return refuse("missing", "RESOURCE_NOT_FOUND");
    ledger.budgets = ledger.budgets.filter((each) => each.budgetId !== budgetId);
    enter(ledger, "BudgetRemoved", { budgetId });
    return done(left);
  },
  ConfigureBalanceAlert(ledger, { threshold, rearmAt: wanted }) {
    const rearmAt = wanted ?? (threshold ?? 0) + Math.ceil((threshold ?? 0) / 10);
    if (rearmAt < (threshold ?? 0)) return refuse("invalid", "REARM_BELOW_THRESHOLD");
    ledger.alert = { threshold, rearmAt, isLow: threshold === null ? false : ledger.alert.isLow };
    enter(ledger, "BalanceAlertConfigured", { threshold, rearmAt });
    return done((entries) => ({ threshold, rearmAt, ...left(entries) }));
  },
};

export const recharging: Pick<Rules, "ConfigureAutoRecharge" | "SettleRecharge" | "DeclineRecharge"> = {
  ConfigureAutoRecharge(ledger, { enabled, threshold, amount, target = null, coolOffSeconds = 60, periodCap }) {
    if (target !== null && target < threshold) return refuse("invalid", "TARGET_BELOW_THRESHOLD");
    const autoRecharge = { isEnabled: enabled, threshold, amount, target, coolOffSeconds };
    const asked = { ...autoRecharge, periodCap: periodCap ?? 10 * Math.max(amount, target ?? threshold) };
    ledger.recharge = { ...ledger.recharge, ...asked, failures: 0, isSuspended: false, isCapTold: false };
    enter(ledger, "AutoRechargeConfigured", asked);
    return done((entries) => ({ autoRecharge: asked, ...left(entries) }));
  },
  SettleRecharge(ledger, { rechargeId, reference: referenceId }, asked) {
    const { pending } = ledger.recharge;
    if (pending?.rechargeId !== rechargeId) return refuse("conflict", "RECHARGE_NOT_PENDING", { rechargeId });
    const { amount } = pending;
    ledger.lotCount += 1;
    const settled = fill(ledger, { lot: ledger.lotCount, amount, kind: "recharge", priority: 50, expiresAt: null });
    ledger.recharge = { ...ledger.recharge, pending: null, failures: 0 };
    enter(ledger, "CreditsRecharged", { rechargeId, amount, lot: ledger.lotCount, settled });
    const line = { type: "recharge", sign: 1, amount, description: "Automatic recharge" };
    return done(transaction("CreditsRecharged", line, asked, { referenceId }));
  },
  DeclineRecharge(ledger, { rechargeId, reason }, { now }) {
    const { recharge } = ledger;
    if (recharge.pending?.rechargeId !== rechargeId) return refuse("conflict", "RECHARGE_NOT_PENDING", { rechargeId });
    const { amount } = recharge.pending;
    const failures = recharge.failures + 1;
    const backedOff = later(now, 60_000 * 4 ** (failures - 1));
    const notBefore = recharge.notBefore > backedOff ? recharge.notBefore : backedOff;
    const charged = Math.max(0, recharge.charged - amount);
    ledger.recharge = { ...recharge, pending: null, failures, notBefore, charged };
    enter(ledger, "RechargeDeclined", { rechargeId, amount, failures, retryAt: notBefore });
    if (failures >= 3) {
      ledger.recharge = { ...ledger.recharge, isEnabled: false, isSuspended: true };
      enter(ledger, "AutoRechargeSuspended", { failures, reason });
    }
    return done((entries) => ({ failures, ...left(entries) }));
  },
};
