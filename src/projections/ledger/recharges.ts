import { type Effect, insert, set, table } from "../projection.ts";
import type { EventData } from "./account.ts";

/** Every recharge that was asked for, and what came of it: those that were not declined count in their period. */
export const rechargesTable = table(
  "credit_recharges",
  {
    workspace_id: "uuid",
    period_start: "timestamptz",
    recharge_id: "uuid",
    organization_id: "uuid",
    amount: "bigint",
    status: "text",
    reason: "text null",
    requested_at: "timestamptz",
    ended_at: "timestamptz null",
  },
  ["workspace_id", "recharge_id"],
);

export const rechargeRequested: Effect<EventData<"RechargeRequested">> = (data) =>
  insert(rechargesTable, {
    workspace_id: data.workspaceId,
    period_start: data.periodStart,
    recharge_id: data.rechargeId,
    organization_id: data.organizationId,
    amount: data.amount,
    status: "pending",
    reason: null,
    requested_at: data.requestedAt,
    ended_at: null,
  });

export const rechargeSettled: Effect<EventData<"CreditsRecharged">> = (
  { workspaceId, rechargeId },
  { metadata: { occurredAt } },
) =>
  set(
    rechargesTable,
    { workspace_id: workspaceId, recharge_id: rechargeId },
    { status: "charged", ended_at: occurredAt },
  );

export const rechargeDeclined: Effect<EventData<"RechargeDeclined">> = (
  { workspaceId, rechargeId, reason },
  { metadata: { occurredAt } },
) =>
  set(
    rechargesTable,
    { workspace_id: workspaceId, recharge_id: rechargeId },
    { status: "declined", reason, ended_at: occurredAt },
  );
