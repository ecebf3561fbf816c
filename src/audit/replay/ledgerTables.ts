import { query, type Transaction } from "../../platform/postgres.ts";
import { identifier, list, type Sql, sql } from "../../platform/sql.ts";
import type { AuditedTable, Row } from "./differences.ts";

/** Tables with rows for single events: as long as the ledger is. */
export const eventTables = {
  transactions: { name: "credit_transactions", key: ["revision"] },
  balances: { name: "credit_balances", key: ["revision"] },
  alerts: { name: "credit_alerts", key: ["revision"] },
} as const satisfies Record<string, AuditedTable>;

/** Tables with rows that many events have a part in. */
export const foldedTables = {
  account: { name: "billing", key: [] },
  lots: { name: "credit_lots", key: ["lot"] },
  holds: { name: "credit_holds", key: ["hold_id"] },
  days: { name: "credit_daily", key: ["day"] },
  usage: { name: "credit_usage", key: ["day", "category", "member_kind", "member_id"] },
  budgets: { name: "credit_budgets", key: ["budget_id"] },
  periods: { name: "credit_budget_periods", key: ["budget_id", "period_start"] },
  recharges: { name: "credit_recharges", key: ["recharge_id"] },
} as const satisfies Record<string, AuditedTable>;

export const sealTable = { name: "ledger_seals", key: ["revision"] } as const satisfies AuditedTable;

const pageRows = 1_000;

/** All ledgers in the read models. */
export const projectedLedgers = async (read: Transaction): Promise<string[]> => {
  const rows = await query<{ id: string }>(read, sql`select workspace_id as id from read_model.billing order by 1`);
  return rows.map(({ id }) => id);
};

/**
 * Every column of a table, so that none can be forgotten, but for those Postgres works out from the others: nobody can
 * write them. Days come as text: as dates they would be in some time zone.
 */
const columnsOf = async ({ name }: AuditedTable, read: Transaction): Promise<Sql> => {
  const columns = await query<{ column: string; type: string }>(
    read,
    sql`select attname as column, format_type(atttypid, atttypmod) as type from pg_attribute
        where attrelid = ${`read_model.${name}`}::regclass
          and attnum > 0 and not attisdropped and attgenerated = ''`,
  );
  return list(
    columns.map(({ column, type }) => {
      const named = identifier(column);
      return type === "date" ? sql`${named}::text` : named;
    }),
  );
};

export const rowsIn = async (table: AuditedTable, read: Transaction, workspaceId: string): Promise<Row[]> => {
  const columns = await columnsOf(table, read);
  const from = identifier("read_model", table.name);
  return query<Row>(read, sql`select ${columns} from ${from} where workspace_id = ${workspaceId}`);
};

/** By revision, without those of one ledger being in memory at once. */
export async function* rowsByRevision(
  table: AuditedTable,
  read: Transaction,
  workspaceId: string,
): AsyncGenerator<Row, undefined> {
  const columns = await columnsOf(table, read);
  const from = identifier("read_model", table.name);
  let after = -1;
  for (;;) {
    const rows = await query<Row & { revision: number }>(
      read,
      sql`select ${columns} from ${from}
          where workspace_id = ${workspaceId} and revision > ${after} order by revision limit ${pageRows}`,
    );
    yield* rows;
    const last = rows.at(-1);
    if (!last || rows.length < pageRows) return undefined;
    after = last.revision;
  }
}

/** The position up to which a projection has taken events in; -1 before the first. */
export const projectedUntil = async (read: Transaction, projection: string): Promise<bigint> => {
  const [row] = await query<{ position: number }>(
    read,
    sql`select position from runtime.checkpoints where projection = ${projection} order by version desc limit 1`,
  );
  return BigInt(row?.position ?? -1);
};
