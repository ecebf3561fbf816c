import { z } from "zod";
import { type Balance, CreditLevel } from "../../domain/credits/amounts.ts";
import { billingCycle } from "../../domain/credits/billingCycle.ts";
import { noRecharge, RechargeState, rechargeState } from "../../domain/credits/recharge.ts";
import { query, type Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { balanceNow } from "./present.ts";

type BillingRow = {
  workspaceId: string;
  planType: string;
  /** What is posted: negative as far as the credit limit is drawn on. */
  creditBalance: number;
  held: number;
  available: number;
  creditLimit: number;
  billingCycleStart: string;
  billingCycleEnd: string;
  autoRecharge: boolean;
  autoRechargeThreshold: number;
  autoRechargeAmount: number;
  recharge: RechargeStanding;
  alert: { threshold: number | null; rearmAt: number; isLow: boolean };
  transactionCount: number;
  /** Of the ledger's stream. */
  revision: number;
};
export const RechargeStanding = z.object({
  state: RechargeState,
  target: CreditLevel.nullable(),
  coolOffSeconds: z.int().nonnegative(),
  periodCap: CreditLevel,
  charged: CreditLevel.describe("In this billing cycle, with what is pending"),
  pending: z.object({ rechargeId: z.uuid(), amount: CreditLevel }).nullable(),
  notBefore: z.iso.datetime().nullable(),
  failures: z.int().nonnegative().describe("Declined in a row"),
});
type RechargeStanding = z.output<typeof RechargeStanding>;

type Stored = Omit<BillingRow, "recharge" | "alert"> &
  Omit<RechargeStanding, "state" | "pending"> & {
    pendingId: string | null;
    pendingAmount: number | null;
    periodStart: string | null;
    isSuspended: boolean;
    isCapTold: boolean;
    alertThreshold: number | null;
    alertRearmAt: number;
    alertIsLow: boolean;
    isDue: boolean;
  };

/**
 * BILL-01: as it is at `now`, also where what time did until then is not written yet. Usually nothing but the row is
 * looked at; open holds and lots with dates are, where there are any.
 */
export const billingOf = async (
  read: Transaction,
  workspaceId: string,
  now: string,
): Promise<BillingRow | undefined> => {
  const [stored] = await query<Stored>(
    read,
    sql`select b.workspace_id as "workspaceId", b.plan_type as "planType", b.credit_balance as "creditBalance", b.held,
          b.available, b.credit_limit as "creditLimit", b.billing_cycle_start as "billingCycleStart",
          b.billing_cycle_end as "billingCycleEnd", b.auto_recharge as "autoRecharge",
          b.auto_recharge_threshold as "autoRechargeThreshold", b.auto_recharge_amount as "autoRechargeAmount",
          b.recharge_target as target, b.recharge_cool_off_seconds as "coolOffSeconds",
          b.recharge_period_cap as "periodCap", b.recharge_period_start as "periodStart",
          b.recharge_pending_id as "pendingId", b.recharge_pending_amount as "pendingAmount",
          coalesce(b.recharge_retry_at, b.recharge_requested_at + make_interval(secs => b.recharge_cool_off_seconds))
            as "notBefore",
          b.recharge_failures as failures, b.recharge_suspended as "isSuspended", b.recharge_cap_told as "isCapTold",
          case when b.recharge_period_start is null then 0 else (
            select coalesce(sum(r.amount), 0)::bigint from read_model.credit_recharges r
            where r.workspace_id = b.workspace_id and r.period_start = b.recharge_period_start
              and r.status <> 'declined'
          ) end as charged,
          b.alert_threshold as "alertThreshold", b.alert_rearm_at as "alertRearmAt", b.alert_is_low as "alertIsLow",
          b.transaction_count as "transactionCount", b.revision,
          case when b.has_dated_lots then exists (
            select from read_model.credit_lots l
            where l.workspace_id = b.workspace_id and l.remaining > 0 and l.due_at <= ${now}
          ) else false end or case when b.held > 0 then exists (
            select from read_model.credit_holds h
            where h.workspace_id = b.workspace_id and h.status = 'open' and h.expires_at <= ${now}
          ) else false end as "isDue"
        from read_model.billing b where b.workspace_id = ${workspaceId}`,
  );
  if (!stored) return undefined;
  const row = billingRow(stored, now);
  const balance = stored.isDue ? await balanceNow(read, workspaceId, now) : undefined;
  return balance ? { ...row, ...columnsOf(balance) } : row;
};

const columnsOf = ({ posted, held, available }: Balance) => ({ creditBalance: posted, held, available });

/** The cycle stored is the first one; the one around `now` follows from it. */
const billingRow = (stored: Stored, now: string): BillingRow => {
  const { workspaceId, planType, creditBalance, held, available, creditLimit, transactionCount, revision } = stored;
  const { autoRecharge, autoRechargeThreshold, autoRechargeAmount } = stored;
  const { start, end } = billingCycle(stored.billingCycleStart, now);
  return {
    workspaceId,
    planType,
    creditBalance,
    held,
    available,
    creditLimit,
    transactionCount,
    revision,
    billingCycleStart: start,
    billingCycleEnd: end,
    autoRecharge,
    autoRechargeThreshold,
    autoRechargeAmount,
    recharge: rechargeStanding(stored, start, now),
    alert: { threshold: stored.alertThreshold, rearmAt: stored.alertRearmAt, isLow: stored.alertIsLow },
  };
};

const rechargeStanding = (stored: Stored, cycleStart: string, now: string): RechargeStanding => {
  const { target, coolOffSeconds, periodCap, notBefore, failures, isSuspended, isCapTold, pendingId } = stored;
  const pending = pendingId === null ? null : { rechargeId: pendingId, amount: stored.pendingAmount ?? 0 };
  const { autoRecharge: isEnabled, periodStart } = stored;
  const charged = periodStart !== null && periodStart >= cycleStart ? stored.charged : 0;
  const standing = { isEnabled, pending, notBefore, isSuspended, isCapTold, periodStart: periodStart ?? "" };
  return {
    state: rechargeState({ ...noRecharge, ...standing }, cycleStart, now),
    target,
    coolOffSeconds,
    periodCap,
    charged,
    pending,
    notBefore,
    failures,
  };
};
