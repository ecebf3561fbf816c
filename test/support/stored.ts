import { BACKWARDS, END, EventStoreDBClient, FORWARDS, START } from "@eventstore/db-client";
import pg from "pg";
import type { Installation } from "./everfold.ts";

const withClient = async <T>({ eventStore }: Installation, use: (client: EventStoreDBClient) => Promise<T>) => {
  const client = EventStoreDBClient.connectionString(eventStore.url);
  return use(client).finally(() => client.dispose());
};

/** Every event of `$all` as it is stored, the store's own included, one JSON text each. */
export const storedEvents = (on: Installation): Promise<string[]> =>
  withClient(on, async (client) => {
    const texts: string[] = [];
    for await (const resolved of client.readAll({ direction: FORWARDS, fromPosition: START }))
      texts.push(JSON.stringify(resolved, (_, value) => (typeof value === "bigint" ? String(value) : value)));
    return texts;
  });

/** The commit position of the newest event that is not the store's own: as long as it stays, nothing was changed. */
export const headOf = (on: Installation): Promise<bigint | undefined> =>
  withClient(on, async (client) => {
    // What was refused is noted some time later.
    for await (const { event } of client.readAll({ direction: BACKWARDS, fromPosition: END }))
      if (event && !/^(\$|access_log-)/.test(event.streamId)) return event.position?.commit;
    return undefined;
  });

/** Rows as Postgres itself sees them, whoever they belong to. */
export const rowsOf = async <Row extends pg.QueryResultRow>(
  { database }: Installation,
  statement: string,
  values: unknown[] = [],
): Promise<Row[]> => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  return client
    .query<Row>(statement, values)
    .then(({ rows }) => rows)
    .finally(() => client.end());
};

/** Every row of every table of ours, one text each. */
export const storedRows = async (on: Installation): Promise<string[]> => {
  const tables = await rowsOf<{ name: string }>(
    on,
    "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname !~ '^(pg_|information_)'",
  );
  const texts: string[] = [];
  for (const { name } of tables)
    for (const { row } of await rowsOf<{ row: string }>(on, `select t::text as row from ${name} t`)) texts.push(row);
  return texts;
};
