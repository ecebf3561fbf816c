import type { TransactionType } from "../../domain/credits/transactionType.ts";
import { revisionIn } from "../../kernel/ids.ts";
import { query, type Transaction } from "../../platform/postgres.ts";
import { type Sql, sql } from "../../platform/sql.ts";
import { type Page, type Paged, paged } from "../page.ts";
import { type Continuation, continuationIn, cursorOf, type TransactionFilter } from "./transactionCursor.ts";

export type TransactionRow = {
  id: string;
  revision: number;
  type: TransactionType;
  /** What it did to the posted balance; `amount` is that without its sign. */
  change: number;
  amount: number;
  balanceAfter: number;
  heldAfter: number;
  availableAfter: number;
  description: string;
  referenceId: string | null;
  category: string | null;
  holdId: string | null;
  /** Of a refund: what it gives back. */
  debitId: string | null;
  transferId: string | null;
  /** The other side of a transfer. */
  otherWorkspaceId: string | null;
  actor: { kind: string; id: string | null };
  /** What was given back of it until now. */
  refunded: number;
  createdAt: string;
  /** When it was written, which is later where time alone made it happen. */
  recordedAt: string;
};

type Asked = Page & { readonly [N in keyof TransactionFilter]: TransactionFilter[N] } & {
  cursor?: string | undefined;
};

/**
 * BILL-05: newest first, which is the order of the ledger and not of clocks. Either a page, whose offset costs what it
 * skips, or what follows a cursor, at the same cost wherever that is. `next` is the cursor of what follows.
 */
export const transactionsOf = async (
  read: Transaction,
  workspaceId: string,
  { cursor, limit, offset, ...filter }: Asked,
): Promise<Paged<TransactionRow>> => {
  if (cursor === undefined) {
    const total = await countOf(read, workspaceId, filter);
    const found = await paged({ limit, offset }, total, () =>
      transactionRows(read, matching(workspaceId, filter), { limit, offset }),
    );
    return continued(found, { filter, left: total - offset - found.rows.length });
  }
  const after = continuationIn(cursor);
  if (!after) throw new Error("a cursor was let in that is none");
  const which = sql`${matching(workspaceId, after.filter)} and t.revision < ${after.before}`;
  const rows = await transactionRows(read, which, { limit: limit + 1, offset: 0 });
  const found = { rows: rows.slice(0, limit), total: after.total };
  return continued(found, { filter: after.filter, left: rows.length - found.rows.length });
};

const continued = (
  found: Paged<TransactionRow>,
  { filter, left }: Pick<Continuation, "filter"> & { left: number },
): Paged<TransactionRow> => {
  const last = found.rows.at(-1);
  return last && left > 0 ? { ...found, next: cursorOf({ before: last.revision, total: found.total, filter }) } : found;
};

/** The id says where the line stands. */
export const transactionOf = async (
  read: Transaction,
  workspaceId: string,
  id: string,
): Promise<TransactionRow | undefined> => {
  const revision = revisionIn(id);
  if (revision === undefined) return undefined;
  const which = sql`t.workspace_id = ${workspaceId} and t.revision = ${revision} and t.id = ${id}`;
  return (await transactionRows(read, which, { limit: 1, offset: 0 }))[0];
};

const matching = (workspaceId: string, { type, category, referenceId, from, to }: TransactionFilter): Sql => {
  const conditions = [
    ...(type === undefined ? [] : [sql`t.transaction_type = ${type}`]),
    ...(category === undefined ? [] : [sql`t.category = ${category}`]),
    ...(referenceId === undefined ? [] : [sql`t.reference_id = ${referenceId}`]),
    ...(from === undefined ? [] : [sql`t.created_at >= ${from}`]),
    ...(to === undefined ? [] : [sql`t.created_at < ${to}`]),
  ];
  return conditions.reduce((all, condition) => sql`${all} and ${condition}`, sql`t.workspace_id = ${workspaceId}`);
};

type Stored = Omit<TransactionRow, "actor"> & { actorKind: string; actorId: string | null };

const transactionRows = async (read: Transaction, which: Sql, { limit, offset }: Page): Promise<TransactionRow[]> => {
  const rows = await query<Stored>(
    read,
    sql`select t.id, t.revision, t.transaction_type as type, t.change, abs(t.change) as amount,
          t.balance_after as "balanceAfter", t.held_after as "heldAfter", t.available_after as "availableAfter",
          t.description, t.reference_id as "referenceId", t.category, t.hold_id as "holdId", t.debit_id as "debitId",
          t.transfer_id as "transferId", t.other_workspace_id as "otherWorkspaceId", t.actor_kind as "actorKind",
          t.actor_id as "actorId", t.created_at as "createdAt", t.recorded_at as "recordedAt",
          case when t.transaction_type = 'debit' then (
            select coalesce(sum(r.change), 0)::bigint from read_model.credit_transactions r
            where r.workspace_id = t.workspace_id and r.debit_revision = t.revision and r.debit_id = t.id
          ) else 0 end as refunded
        from read_model.credit_transactions t where ${which}
        order by t.revision desc limit ${limit} offset ${offset}`,
  );
  return rows.map(({ actorKind, actorId, ...row }) => ({ ...row, actor: { kind: actorKind, id: actorId } }));
};

/** All of a ledger's lines were counted as they were written; some of them are counted now. */
const countOf = async (read: Transaction, workspaceId: string, filter: TransactionFilter): Promise<number> => {
  const isWhole = Object.values(filter).every((value) => value === undefined);
  const [counted] = await query<{ total: number }>(
    read,
    isWhole
      ? sql`select transaction_count as total from read_model.billing where workspace_id = ${workspaceId}`
      : sql`select count(*) as total from read_model.credit_transactions t where ${matching(workspaceId, filter)}`,
  );
  return counted?.total ?? 0;
};
