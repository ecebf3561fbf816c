import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { runner } from "node-pg-migrate";
import pg from "pg";
import { type Pool, query } from "./postgres.ts";
import { sql } from "./sql.ts";

const directory = join(import.meta.dirname, "../../migrations");
const journal = { schema: "migrations", table: "applied" };

/**
 * Applies what is pending in order, in one transaction; `down` takes back the last `count` (1). Any number of
 * processes may call this at once: one does the work under an advisory lock, the others wait and find nothing to do.
 *
 * @returns the names of the migrations applied or taken back
 */
export const migrate = async (
  url: string,
  options: { direction?: "up" | "down"; count?: number; log?: (line: string) => void } = {},
): Promise<string[]> => {
  const { direction = "up", count, log = () => undefined } = options;
  return withClient(url, async (dbClient) => {
    const done = await runner({
      dbClient,
      dir: directory,
      migrationsSchema: journal.schema,
      migrationsTable: journal.table,
      createMigrationsSchema: true,
      direction,
      ...(count === undefined ? {} : { count }),
      checkOrder: true,
      singleTransaction: true,
      advisoryLockMode: "wait",
      log,
    });
    return done.map(({ name }) => name);
  });
};

/** The runner would not wait until a connection of its own is closed, nor hear what happens on it until then. */
const withClient = async <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url });
  // What breaks the connection fails the statement that is sent over it.
  client.on("error", () => undefined);
  await client.connect();
  return work(client).finally(() => client.end());
};

/** What `migrate` would still apply, oldest first. */
export const pendingMigrations = async (pool: Pool): Promise<string[]> => {
  const [applied, files] = await Promise.all([appliedMigrations(pool), readdir(directory)]);
  return files
    .filter((file) => file.endsWith(".sql"))
    .map((file) => file.slice(0, -".sql".length))
    .filter((name) => !applied.has(name))
    .sort();
};

const appliedMigrations = async (pool: Pool): Promise<ReadonlySet<string>> => {
  const [journal] = await query(pool, sql`select from pg_tables where schemaname = 'migrations'`);
  if (!journal) return new Set();
  const rows = await query<{ name: string }>(pool, sql`select name from migrations.applied`);
  return new Set(rows.map(({ name }) => name));
};
