import { canonical } from "../eventstore/chain.ts";
import { query, type Transaction } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";

/** The rows of one ledger, as `replay` compares them. */
export type LedgerRow = {
  posted: number;
  held: number;
  available: number;
  creditLimit: number;
  planType: string;
  autoRecharge: boolean;
  pendingRecharge: string | null;
  isLow: boolean;
  revision: number;
};
export type LotRow = {
  lot: number;
  kind: string;
  priority: number;
  status: string;
  granted: number;
  remaining: number;
  held: number;
  expired: number;
  effectiveAt: string | null;
  expiresAt: string | null;
  dueAt: string | null;
};
/** `parts` and `charges`, as of when it was placed, are canonical JSON: they are the same when their texts are. */
export type HoldRow = {
  holdId: string;
  status: string;
  amount: number;
  captured: number;
  parts: string;
  charges: string;
  expiresAt: string;
};
export type BudgetRow = { budgetId: string; limit: number; period: string; scope: string; scopeId: string | null };
type SpentRow = { budgetId: string; periodStart: string; spent: number };
/** The balance after one event; `change` and `id` are null where it is no transaction. */
export type BalanceRow = {
  revision: number;
  id: string | null;
  change: number | null;
  posted: number;
  held: number;
  available: number;
};

const pageRows = 1_000;

/** All ledgers in the read models. */
export const projectedLedgers = async (read: Transaction): Promise<string[]> => {
  const rows = await query<{ id: string }>(read, sql`select workspace_id as id from read_model.billing order by 1`);
  return rows.map(({ id }) => id);
};

export const ledgerRow = async (read: Transaction, workspaceId: string): Promise<LedgerRow | undefined> => {
  const [row] = await query<LedgerRow>(
    read,
    sql`select credit_balance as posted, held, available, credit_limit as "creditLimit", plan_type as "planType",
          auto_recharge as "autoRecharge", recharge_pending_id as "pendingRecharge", alert_is_low as "isLow", revision
        from read_model.billing where workspace_id = ${workspaceId}`,
  );
  return row;
};

/** By revision, without those of one ledger being in memory at once. */
export async function* balanceRows(read: Transaction, workspaceId: string): AsyncGenerator<BalanceRow, undefined> {
  let after = -1;
  for (;;) {
    const rows = await query<BalanceRow>(
      read,
      sql`(select revision, id, change, balance_after as posted, held_after as held, available_after as available
           from read_model.credit_transactions where workspace_id = ${workspaceId} and revision > ${after}
           order by revision limit ${pageRows})
          union all
          (select revision, null, null, posted, held, available
           from read_model.credit_balances where workspace_id = ${workspaceId} and revision > ${after}
           order by revision limit ${pageRows})
          order by revision limit ${pageRows}`,
    );
    yield* rows;
    const last = rows.at(-1);
    if (!last || rows.length < pageRows) return undefined;
    after = last.revision;
  }
}

export const lotRows = (read: Transaction, workspaceId: string): Promise<LotRow[]> =>
  query(
    read,
    sql`select lot, kind, priority, status, granted, remaining, held, expired, effective_at as "effectiveAt",
          expires_at as "expiresAt", due_at as "dueAt"
        from read_model.credit_lots
        where workspace_id = ${workspaceId} order by lot`,
  );

type StoredHold = Omit<HoldRow, "parts" | "charges"> & { parts: unknown; charges: unknown };

export const holdRows = async (read: Transaction, workspaceId: string): Promise<HoldRow[]> => {
  const rows = await query<StoredHold>(
    read,
    sql`select hold_id as "holdId", status, amount, captured, parts, charges, expires_at as "expiresAt"
        from read_model.credit_holds where workspace_id = ${workspaceId} order by revision`,
  );
  return rows.map((row) => ({ ...row, parts: canonical(row.parts), charges: canonical(row.charges) }));
};

export const budgetRows = (read: Transaction, workspaceId: string): Promise<BudgetRow[]> =>
  query(
    read,
    sql`select budget_id as "budgetId", credit_limit as "limit", period, scope, scope_id as "scopeId"
        from read_model.credit_budgets where workspace_id = ${workspaceId} order by budget_id`,
  );

export const spentRows = (read: Transaction, workspaceId: string): Promise<SpentRow[]> =>
  query(
    read,
    sql`select budget_id as "budgetId", period_start as "periodStart", spent from read_model.credit_budget_periods
        where workspace_id = ${workspaceId}`,
  );
