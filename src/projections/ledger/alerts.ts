import { z } from "zod";
import { query, type Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { type Page, type Paged, paged } from "../page.ts";
import { type Effect, each, insert, table } from "../projection.ts";
import { counted, type EventData, type InLedger } from "./account.ts";

/** What the people of a workspace should hear of, a row each. */
export const alertsTable = table(
  "credit_alerts",
  {
    workspace_id: "uuid",
    revision: "bigint",
    id: "uuid",
    organization_id: "uuid",
    kind: "text",
    threshold: "bigint null",
    credits: "bigint null",
    credit_limit: "bigint null",
    budget_id: "uuid null",
    recharge_id: "uuid null",
    reason: "text null",
    created_at: "timestamptz",
  },
  ["workspace_id", "revision"],
);

const AlertKind = z.enum([
  "budget_threshold",
  "low_balance",
  "balance_recovered",
  "recharge_cap",
  "recharge_declined",
  "recharge_suspended",
]);
type AlertKind = z.output<typeof AlertKind>;

type About = {
  threshold?: number;
  credits?: number;
  credit_limit?: number;
  budget_id?: string;
  recharge_id?: string;
  reason?: string;
};
const nothing = {
  threshold: null,
  credits: null,
  credit_limit: null,
  budget_id: null,
  recharge_id: null,
  reason: null,
};

const alert = <D extends InLedger>(kind: AlertKind, about: (data: D) => About): Effect<D> =>
  each<D>(
    (data, { id, revision, metadata: { occurredAt } }) =>
      insert(alertsTable, {
        ...nothing,
        ...about(data),
        workspace_id: data.workspaceId,
        revision,
        id,
        organization_id: data.organizationId,
        kind,
        created_at: occurredAt,
      }),
    counted("alert_count"),
  );

export const thresholdReached = alert<EventData<"BudgetThresholdReached">>("budget_threshold", (data) => ({
  budget_id: data.budgetId,
  threshold: data.threshold,
  credits: data.spent,
  credit_limit: data.limit,
}));
export const balanceLow = alert<EventData<"LowBalanceReached">>("low_balance", ({ threshold, available }) => ({
  threshold,
  credits: available,
}));
export const balanceRecovered = alert<EventData<"BalanceRecovered">>("balance_recovered", ({ rearmAt, available }) => ({
  threshold: rearmAt,
  credits: available,
}));
export const capReached = alert<EventData<"RechargeCapReached">>("recharge_cap", ({ charged, cap }) => ({
  credits: charged,
  credit_limit: cap,
}));
export const declined = alert<EventData<"RechargeDeclined">>("recharge_declined", ({ rechargeId, amount, reason }) => ({
  recharge_id: rechargeId,
  credits: amount,
  reason,
}));
export const suspended = alert<EventData<"AutoRechargeSuspended">>("recharge_suspended", ({ reason }) => ({ reason }));

export const Alert = z.object({
  id: z.uuid(),
  kind: AlertKind,
  threshold: z.int().nullable().describe("Percent of a budget, or own credits"),
  credits: z.int().nullable().describe("Where it stood: spent of a budget, own, charged for, or declined"),
  limit: z.int().nullable(),
  budgetId: z.uuid().nullable(),
  rechargeId: z.uuid().nullable(),
  reason: z.string().nullable(),
  createdAt: z.iso.datetime(),
});
type Alert = z.output<typeof Alert>;

/** Newest first. */
export const alertsOf = async (read: Transaction, workspaceId: string, page: Page): Promise<Paged<Alert>> => {
  const [counted] = await query<{ total: number }>(
    read,
    sql`select alert_count as total from read_model.billing where workspace_id = ${workspaceId}`,
  );
  return paged(page, counted?.total ?? 0, () =>
    query(
      read,
      sql`select id, kind, threshold, credits, credit_limit as limit, budget_id as "budgetId",
            recharge_id as "rechargeId", reason, created_at as "createdAt"
          from read_model.credit_alerts where workspace_id = ${workspaceId}
          order by revision desc limit ${page.limit} offset ${page.offset}`,
    ),
  );
};
