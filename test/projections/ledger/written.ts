import type { Recorded } from "../../../src/kernel/decider.ts";
import { openPool, query, type Transaction, transaction } from "../../../src/platform/postgres.ts";
import { identifier, sql } from "../../../src/platform/sql.ts";
import { billing } from "../../../src/projections/billing.ts";
import { foldChanges } from "../../../src/projections/rowChanges.ts";
import { statementsOf } from "../../../src/projections/rowStatements.ts";
import { organizationId, workspaceId } from "../../domain/ledgerStory.ts";
import { changesInClear } from "../../spec.ts";
import { testDatabase } from "../../support/database.ts";
import { readAs } from "../../support/tenant.ts";

/** A database in which one ledger's events can be written as the runner writes them, and read as its tenant reads. */
export const writtenLedgers = async (stack: AsyncDisposableStack) => {
  const { url, drop } = await testDatabase();
  stack.defer(drop);
  const open = (role: "everfold_projector" | "everfold_api") => {
    const options = { url, role, max: 2, idleTimeoutMs: 10_000, statementTimeoutMs: 30_000, onError: () => undefined };
    const pool = openPool(options);
    stack.defer(() => pool.end());
    return pool;
  };
  const [projector, api] = [open("everfold_projector"), open("everfold_api")];
  return {
    projector,
    /** In place of what was there; so many events at a time. */
    write: (history: readonly Recorded[], batchSize = 500) =>
      transaction(projector, async (connection) => {
        for (const { name } of billing.tables)
          await query(connection, sql`delete from ${identifier("read_model", name)}`);
        for (let from = 0; from < history.length; from += batchSize) {
          const changes = history.slice(from, from + batchSize).flatMap((event) => changesInClear(billing, event));
          for (const statement of statementsOf(foldChanges(changes), "read_model")) await query(connection, statement);
        }
      }),
    read: <T>(work: (read: Transaction) => Promise<T>): Promise<T> =>
      readAs(api, { organizationId, workspaceId }, work),
    /** Rows as text, in order, so that two lists are equal exactly when the tables are. */
    rows: async () => {
      const tables = await Promise.all(
        billing.tables.map(({ name }) =>
          query(projector, sql`select row(t.*)::text as row from ${identifier("read_model", name)} t order by 1`),
        ),
      );
      return tables.map((found) => found.map(({ row }) => String(row)));
    },
  };
};
