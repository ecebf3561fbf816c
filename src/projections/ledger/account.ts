import type { Balance } from "../../domain/credits/amounts.ts";
import { billingCycle } from "../../domain/credits/billingCycle.ts";
import { coolOffSecondsDefault } from "../../domain/credits/recharge.ts";
import type { LedgerEvent } from "../../domain/credits/unfolding.ts";
import { add, type Effect, insert, type RowChange, set, table } from "../projection.ts";

export type EventData<T extends LedgerEvent["type"]> = Extract<LedgerEvent, { type: T }>["data"];
export type InLedger = { workspaceId: string; organizationId: string; after: Balance };

/** One row a ledger: what it adds up to, its settings, and where its recharges and alerts stand. */
export const accountTable = table(
  "billing",
  {
    workspace_id: "uuid",
    organization_id: "uuid",
    plan_type: "text",
    credit_balance: "bigint",
    held: "bigint",
    available: "bigint",
    credit_limit: "bigint",
    billing_cycle_start: "timestamptz",
    billing_cycle_end: "timestamptz",
    has_dated_lots: "boolean",
    auto_recharge: "boolean",
    auto_recharge_threshold: "bigint",
    auto_recharge_amount: "bigint",
    recharge_target: "bigint null",
    recharge_cool_off_seconds: "integer",
    recharge_period_cap: "bigint",
    recharge_period_start: "timestamptz null",
    recharge_pending_id: "uuid null",
    recharge_pending_amount: "bigint null",
    recharge_requested_at: "timestamptz null",
    recharge_retry_at: "timestamptz null",
    recharge_failures: "bigint",
    recharge_suspended: "boolean",
    recharge_cap_told: "boolean",
    alert_threshold: "bigint null",
    alert_rearm_at: "bigint",
    alert_is_low: "boolean",
    transaction_count: "bigint",
    alert_count: "bigint",
    holds_captured: "bigint",
    holds_released: "bigint",
    holds_expired: "bigint",
    revision: "bigint",
  },
  ["workspace_id"],
);

type Values = Parameters<typeof set<(typeof accountTable)["columns"], "workspace_id">>[2];
type Counter = "transaction_count" | "alert_count" | "holds_captured" | "holds_released" | "holds_expired";

export const accountOpened: Effect<EventData<"LedgerOpened">> = (data, { revision }) => {
  const { start, end } = billingCycle(data.openedAt, data.openedAt);
  return insert(accountTable, {
    workspace_id: data.workspaceId,
    organization_id: data.organizationId,
    plan_type: data.planType,
    credit_balance: data.after.posted,
    held: data.after.held,
    available: data.after.available,
    credit_limit: data.creditLimit,
    billing_cycle_start: start,
    billing_cycle_end: end,
    has_dated_lots: false,
    auto_recharge: false,
    auto_recharge_threshold: 0,
    auto_recharge_amount: 0,
    recharge_target: null,
    recharge_cool_off_seconds: coolOffSecondsDefault,
    recharge_period_cap: 0,
    recharge_period_start: null,
    recharge_pending_id: null,
    recharge_pending_amount: null,
    recharge_requested_at: null,
    recharge_retry_at: null,
    recharge_failures: 0,
    recharge_suspended: false,
    recharge_cap_told: false,
    alert_threshold: null,
    alert_rearm_at: 0,
    alert_is_low: false,
    transaction_count: 0,
    alert_count: 0,
    holds_captured: 0,
    holds_released: 0,
    holds_expired: 0,
    revision,
  });
};

/** Whatever happened: where the ledger stands after it. */
export const standing: Effect<InLedger> = ({ workspaceId, after }, { revision }) =>
  settled(workspaceId, { credit_balance: after.posted, held: after.held, available: after.available, revision });

const settled = (workspaceId: string, values: Values): RowChange =>
  set(accountTable, { workspace_id: workspaceId }, values);

export const counted =
  (counter: Counter): Effect<InLedger> =>
  ({ workspaceId }) =>
    add(accountTable, { workspace_id: workspaceId }, { [counter]: 1 });

/** From now on time alone may change what this ledger adds up to. */
export const datedLots = ({ workspaceId }: InLedger): RowChange => settled(workspaceId, { has_dated_lots: true });

/** Settings and standing that an event says in so many words. */
const setting =
  <D extends InLedger>(values: (data: D) => Values): Effect<D> =>
  (data) =>
    settled(data.workspaceId, values(data));

export const accountClosed = setting<EventData<"LedgerClosed">>(() => ({ auto_recharge: false }));

export const limitSet = setting<EventData<"CreditLimitSet">>(({ creditLimit }) => ({ credit_limit: creditLimit }));

export const rechargeConfigured = setting<EventData<"AutoRechargeConfigured">>((data) => ({
  auto_recharge: data.isEnabled,
  auto_recharge_threshold: data.threshold,
  auto_recharge_amount: data.amount,
  recharge_target: data.target,
  recharge_cool_off_seconds: data.coolOffSeconds,
  recharge_period_cap: data.periodCap,
  recharge_failures: 0,
  recharge_suspended: false,
  recharge_cap_told: false,
}));

export const rechargePending = setting<EventData<"RechargeRequested">>((data) => ({
  recharge_pending_id: data.rechargeId,
  recharge_pending_amount: data.amount,
  recharge_requested_at: data.requestedAt,
  recharge_retry_at: null,
  recharge_period_start: data.periodStart,
  recharge_cap_told: false,
}));

export const rechargeArrived = setting<EventData<"CreditsRecharged">>(() => ({
  recharge_pending_id: null,
  recharge_pending_amount: null,
  recharge_failures: 0,
}));

export const rechargeBackedOff = setting<EventData<"RechargeDeclined">>(({ failures, retryAt }) => ({
  recharge_pending_id: null,
  recharge_pending_amount: null,
  recharge_failures: failures,
  recharge_retry_at: retryAt,
}));

export const rechargeSuspended = setting<EventData<"AutoRechargeSuspended">>(() => ({
  auto_recharge: false,
  recharge_suspended: true,
}));

export const rechargeCapped = setting<EventData<"RechargeCapReached">>(({ periodStart }) => ({
  recharge_period_start: periodStart,
  recharge_cap_told: true,
}));

export const alertConfigured = setting<EventData<"BalanceAlertConfigured">>(({ threshold, rearmAt }) => ({
  alert_threshold: threshold,
  alert_rearm_at: rearmAt,
  ...(threshold === null && { alert_is_low: false }),
}));

export const balanceIs = (isLow: boolean): Effect<InLedger> => setting(() => ({ alert_is_low: isLow }));
