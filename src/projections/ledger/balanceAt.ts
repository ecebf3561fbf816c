import type { Balance } from "../../domain/credits/amounts.ts";
import { query, type Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { balanceNow } from "./present.ts";

/** The ledger as it was after the event at `revision`, the last that mattered to its balance. */
type BalanceRow = Balance & { revision: number };

/**
 * What a ledger added up to after an event, or at a moment; undefined before there was one. Where clocks disagreed,
 * what counts at a moment is the event with the latest time until then.
 */
export const balanceAt = (
  read: Transaction,
  workspaceId: string,
  moment: { at: string } | { revision: number },
): Promise<BalanceRow | undefined> =>
  "at" in moment ? atInstant(read, workspaceId, moment.at) : atRevision(read, workspaceId, moment.revision);

const atRevision = async (
  read: Transaction,
  workspaceId: string,
  revision: number,
): Promise<BalanceRow | undefined> => {
  const [row] = await query<BalanceRow>(
    read,
    sql`(select revision, balance_after as posted, held_after as held, available_after as available
          from read_model.credit_transactions where workspace_id = ${workspaceId} and revision <= ${revision}
          order by revision desc limit 1)
        union all
        (select revision, posted, held, available
          from read_model.credit_balances where workspace_id = ${workspaceId} and revision <= ${revision}
          order by revision desc limit 1)
        order by revision desc limit 1`,
  );
  return row;
};

/**
 * After the last event what time has done since may not be written yet; between two, what it has done is written at the
 * head of the second, in the order of the ledger.
 */
const atInstant = async (read: Transaction, workspaceId: string, at: string): Promise<BalanceRow | undefined> => {
  const since = await lastWritten(read, workspaceId, at);
  if (since === undefined) return undefined;
  const next = await firstAfter(read, workspaceId, { at, since });
  const row = await atRevision(read, workspaceId, next === undefined ? Number.MAX_SAFE_INTEGER : next - 1);
  return row && next === undefined ? { ...row, ...(await balanceNow(read, workspaceId, at)) } : row;
};

/** The event with the latest time until then, of those that were written when they happened. */
const lastWritten = async (read: Transaction, workspaceId: string, at: string): Promise<number | undefined> => {
  const [row] = await query<{ revision: number }>(
    read,
    sql`select revision from (
          (select revision, created_at from read_model.credit_transactions
            where workspace_id = ${workspaceId} and created_at <= ${at} and created_at = recorded_at
            order by created_at desc, revision desc limit 1)
          union all
          (select revision, created_at from read_model.credit_balances
            where workspace_id = ${workspaceId} and created_at <= ${at} and created_at = recorded_at
            order by created_at desc, revision desc limit 1)
        ) as candidates order by created_at desc, revision desc limit 1`,
  );
  return row?.revision;
};

const firstAfter = async (
  read: Transaction,
  workspaceId: string,
  { at, since }: { at: string; since: number },
): Promise<number | undefined> => {
  const [row] = await query<{ revision: number }>(
    read,
    sql`(select revision from read_model.credit_transactions
          where workspace_id = ${workspaceId} and revision > ${since} and created_at > ${at} order by revision limit 1)
        union all
        (select revision from read_model.credit_balances
          where workspace_id = ${workspaceId} and revision > ${since} and created_at > ${at} order by revision limit 1)
        order by revision limit 1`,
  );
  return row?.revision;
};
