import { type BudgetPeriod, type BudgetScope, periodStartOf } from "../../domain/credits/budget.ts";
import { query, type Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

type BudgetRow = {
  id: string;
  scope: BudgetScope;
  limit: number;
  period: BudgetPeriod;
  alertsAt: number[];
  periodStart: string;
  /** In the period around `now`, with what open holds reserve. */
  spent: number;
};

type Stored = Omit<BudgetRow, "scope"> & { scope: BudgetScope["kind"]; scopeId: string | null };

/** A hold counts from when it is placed until it ends, also where that is not written yet. */
export const budgetsOf = async (read: Transaction, workspaceId: string, now: string): Promise<BudgetRow[]> => {
  const rows = await query<Stored>(
    read,
    sql`with budgets as (
          select *, case period
              when 'day' then ${periodStartOf("day", now)}::timestamptz
              when 'week' then ${periodStartOf("week", now)}::timestamptz
              else ${periodStartOf("month", now)}::timestamptz end as period_start
          from read_model.credit_budgets where workspace_id = ${workspaceId}
        )
        select b.budget_id as id, b.scope, b.scope_id as "scopeId", b.credit_limit as limit, b.period,
          b.alerts_at as "alertsAt", b.period_start as "periodStart",
          greatest(0, coalesce(p.spent, 0) + coalesce(reserved.amount, 0)) as spent
        from budgets b
          left join read_model.credit_budget_periods p using (workspace_id, budget_id, period_start)
          left join lateral (
            select sum(h.amount - h.captured)::bigint as amount
            from read_model.credit_holds h,
              jsonb_to_recordset(h.charges) as c ("budgetId" uuid, "periodStart" timestamptz)
            where h.workspace_id = b.workspace_id and h.status = 'open' and h.expires_at > ${now}
              and c."budgetId" = b.budget_id and c."periodStart" = b.period_start
          ) as reserved on true
        order by b.set_at, b.budget_id`,
  );
  return rows.map(({ scope: kind, scopeId, ...row }) => ({ ...row, scope: scopeFrom(kind, scopeId) }));
};

const scopeFrom = (kind: BudgetScope["kind"], id: string | null): BudgetScope =>
  kind === "workspace" ? { kind } : { kind, id: id ?? "" };
