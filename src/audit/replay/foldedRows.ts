import { billingCycle } from "../../domain/credits/billingCycle.ts";
import { balanceOf, type OpenCreditLedger } from "../../domain/credits/creditLedger.ts";
import type { Row } from "./differences.ts";
import type { foldedTables } from "./ledgerTables.ts";
import { lotRows } from "./lotsAndHolds.ts";
import type { Past } from "./past.ts";
import { dayRows, periodRows, usageRows } from "./sums.ts";

/** The rows there should be after the event at `revision`, table by table. */
export const foldedRows = (
  ledger: OpenCreditLedger,
  past: Past,
  revision: number,
): Readonly<Record<keyof typeof foldedTables, readonly Row[]>> => {
  const ids = { workspace_id: ledger.workspaceId, organization_id: ledger.organizationId };
  return {
    account: [{ ...ids, revision, ...standing(ledger), ...recharging(ledger, past), ...counts(past) }],
    lots: lotRows(ledger, past),
    holds: [...past.holds.values()],
    days: dayRows(past, ids),
    usage: usageRows(past, ids),
    budgets: budgetRows(ledger, past).map((row) => ({ ...ids, ...row })),
    periods: periodRows(past, ids),
    recharges: [...past.recharges.values()],
  };
};

const standing = (ledger: OpenCreditLedger): Row => {
  const { posted, held, available } = balanceOf(ledger);
  const { creditLimit, planType, openedAt, alert } = ledger;
  const { start, end } = billingCycle(openedAt, openedAt);
  return {
    ...{ credit_balance: posted, held, available, credit_limit: creditLimit, plan_type: planType },
    ...{ billing_cycle_start: start, billing_cycle_end: end },
    ...{ alert_threshold: alert.threshold, alert_rearm_at: alert.rearmAt, alert_is_low: alert.isLow },
  };
};

const recharging = ({ recharge }: OpenCreditLedger, { requestedAt, retryAt }: Past): Row => ({
  auto_recharge: recharge.isEnabled,
  auto_recharge_threshold: recharge.threshold,
  auto_recharge_amount: recharge.amount,
  recharge_target: recharge.target,
  recharge_cool_off_seconds: recharge.coolOffSeconds,
  recharge_period_cap: recharge.periodCap,
  recharge_period_start: recharge.periodStart === "" ? null : recharge.periodStart,
  recharge_pending_id: recharge.pending?.rechargeId ?? null,
  recharge_pending_amount: recharge.pending?.amount ?? null,
  recharge_requested_at: requestedAt,
  recharge_retry_at: retryAt,
  recharge_failures: recharge.failures,
  recharge_suspended: recharge.isSuspended,
  recharge_cap_told: recharge.isCapTold,
});

const counts = ({ counted, lots, holds }: Past): Row => {
  const ended = (wanted: string) => holds.values().reduce((sum, { status }) => sum + (status === wanted ? 1 : 0), 0);
  return {
    transaction_count: counted.transactions,
    alert_count: counted.alerts,
    holds_captured: ended("captured"),
    holds_released: ended("released"),
    holds_expired: ended("expired"),
    has_dated_lots: lots.values().some(({ effective_at, expires_at }) => effective_at !== null || expires_at !== null),
  };
};

const budgetRows = ({ budgets }: OpenCreditLedger, { budgetsSetAt }: Past): Row[] =>
  budgets.map(({ budgetId, scope, limit, period, alertsAt }) => ({
    budget_id: budgetId,
    scope: scope.kind,
    scope_id: "id" in scope ? scope.id : null,
    credit_limit: limit,
    period,
    alerts_at: alertsAt,
    set_at: budgetsSetAt.get(budgetId),
  }));
