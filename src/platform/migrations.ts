import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { runner } from "node-pg-migrate";
import pg from "pg";

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
  const done = await runner({
    databaseUrl: url,
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
};

/** What `migrate` would still apply, oldest first. */
export const pendingMigrations = async (url: string): Promise<string[]> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const applied = new Set(await appliedMigrations(client));
    const files = await readdir(directory);
    return files
      .filter((file) => file.endsWith(".sql"))
      .map((file) => file.slice(0, -".sql".length))
      .filter((name) => !applied.has(name))
      .sort();
  } finally {
    await client.end();
  }
};

const appliedMigrations = async (client: pg.Client): Promise<string[]> => {
  const { rows: journals } = await client.query("select to_regclass('migrations.applied') as name");
  if (journals[0]?.name === null) return [];
  const { rows } = await client.query<{ name: string }>("select name from migrations.applied");
  return rows.map(({ name }) => name);
};
