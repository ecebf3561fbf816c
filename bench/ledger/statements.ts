import { join } from "node:path";
import pg from "pg";
import { startPostgres } from "../../src/embedded/postgres.ts";
import { table, tenths, whole } from "../table.ts";

const STATEMENTS_SHOWN = 15;
const TEXT_MAX = 90;

/** Of the database `everfold`, with what each statement took in ms. */
const longest = `select regexp_replace(query, '\\s+', ' ', 'g') as text, calls, total_exec_time as total
  from pg_stat_statements join pg_database on pg_database.oid = dbid
  where datname = 'everfold' order by total_exec_time desc`;

/** A Postgres under `directory`, as the embedded one is; where statements are to be counted, with what counts them. */
export const startDatabaseServer = async (directory: string, isCounting: boolean) => {
  const options = { directory: join(directory, "postgres") };
  const server = await startPostgres(options);
  if (!isCounting) return server;
  try {
    await onServer(server.url, (client) =>
      client.query("alter system set shared_preload_libraries = pg_stat_statements"),
    );
  } finally {
    await server.stop();
  }
  const counting = await startPostgres(options);
  await onServer(counting.url, (client) => client.query("create extension pg_stat_statements"));
  return counting;
};

/** What Everfold's statements took, from its start on. */
export const statementReport = (url: string): Promise<string> =>
  onServer(url, async (client) => {
    const { rows } = await client.query<{ text: string; calls: string; total: number }>(longest);
    const all = rows.reduce((sum, { total }) => sum + total, 0);
    return table(
      ["statements in Everfold's database", "calls", "ms", "share"],
      rows
        .slice(0, STATEMENTS_SHOWN)
        .map(({ text, calls, total }) => [
          text.slice(0, TEXT_MAX),
          whole(Number(calls)),
          whole(total),
          `${tenths((total / all) * 100)} %`,
        ]),
    );
  });

const onServer = async <R>(url: string, work: (client: pg.Client) => Promise<R>): Promise<R> => {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};
