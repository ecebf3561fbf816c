import type { Row } from "./differences.ts";
import { alertRow, changeIn, type Step } from "./eventRows.ts";
import { type LotsAndHolds, noLotsAndHolds, noteHolds, noteLots } from "./lotsAndHolds.ts";
import { noSums, noteDay, noteSpending, noteUsage, type Sums } from "./sums.ts";

/** What a fold does not keep of a ledger, and read models show. */
export type Past = LotsAndHolds &
  Sums & {
    counted: { transactions: number; alerts: number };
    requestedAt: string | null;
    retryAt: string | null;
    /** By id, whatever came of them. */
    recharges: Map<string, Row>;
    /** When each budget was set last. */
    budgetsSetAt: Map<string, string>;
  };

export const noPast = (): Past => ({
  ...noLotsAndHolds(),
  ...noSums(),
  counted: { transactions: 0, alerts: 0 },
  requestedAt: null,
  retryAt: null,
  recharges: new Map(),
  budgetsSetAt: new Map(),
});

/** Takes note of what one event has done. */
export const note = (past: Past, step: Step): void => {
  noteLots(past, step.event);
  noteHolds(past, step.event);
  noteDay(past, step);
  noteUsage(past, step);
  noteSpending(past, step.event);
  noteRecharge(past, step);
  if (step.event.type === "BudgetSet") past.budgetsSetAt.set(step.event.data.budgetId, step.event.metadata.occurredAt);
  if (changeIn(step) !== 0) past.counted.transactions += 1;
  if (alertRow(step)) past.counted.alerts += 1;
};

const noteRecharge = (past: Past, { event: { type, data, metadata } }: Step): void => {
  const end = (rechargeId: string, status: string, reason: string | null) => {
    const asked = past.recharges.get(rechargeId);
    const ended = { status, reason, ended_at: metadata.occurredAt };
    if (asked) past.recharges.set(rechargeId, { ...asked, ...ended });
  };
  if (type === "RechargeRequested") {
    past.requestedAt = data.requestedAt;
    past.retryAt = null;
    past.recharges.set(data.rechargeId, {
      workspace_id: data.workspaceId,
      organization_id: data.organizationId,
      recharge_id: data.rechargeId,
      period_start: data.periodStart,
      amount: data.amount,
      status: "pending",
      reason: null,
      requested_at: data.requestedAt,
      ended_at: null,
    });
  }
  if (type === "CreditsRecharged") end(data.rechargeId, "charged", null);
  if (type !== "RechargeDeclined") return;
  past.retryAt = data.retryAt;
  end(data.rechargeId, "declined", data.reason);
};
