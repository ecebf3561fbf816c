import { query, type Transaction } from "../platform/postgres.ts";
import { type Sql, sql } from "../platform/sql.ts";
import type { StoredEvent } from "./store.ts";

/** An event that a subscriber could not deal with, or one of the same stream that came after it. */
export type ParkedEvent = { subscriber: string; version: number; event: StoredEvent; error: string };

export const parkedEventsTable = sql`runtime.parked_events`;
const ERROR_LENGTH_MAX = 2_000;

/** The error of an event that is itself sound. */
export const waiting = "waits behind an earlier event of its stream";

/** What went wrong, as text that Postgres can hold. */
export const errorText = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replaceAll("\0", "").slice(0, ERROR_LENGTH_MAX);

/** Sets events aside, in another table when one is given; those that already are stay as they are. */
export const park = async (
  connection: Transaction,
  parked: readonly ParkedEvent[],
  table: Sql = parkedEventsTable,
): Promise<void> => {
  if (parked.length === 0) return;
  const events = parked.map(({ event }) => event);
  await query(
    connection,
    sql`insert into ${table} (projection, version, stream, position, event_id, type, error)
      select * from unnest(
        ${parked.map(({ subscriber }) => subscriber)}::text[], ${parked.map(({ version }) => version)}::integer[],
        ${events.map(({ stream }) => stream)}::text[], ${events.map(({ position }) => position)}::bigint[],
        ${events.map(({ id }) => id)}::uuid[], ${events.map(({ type }) => type)}::text[],
        ${parked.map(({ error }) => error)}::text[]
      )
      on conflict do nothing`,
  );
};

/** The streams of which a subscriber has events parked. */
export const parkedStreams = async (
  connection: Transaction,
  { subscriber, version }: { subscriber: string; version: number },
): Promise<ReadonlySet<string>> => {
  const rows = await query<{ stream: string }>(
    connection,
    sql`select distinct stream from runtime.parked_events where projection = ${subscriber} and version = ${version}`,
  );
  return new Set(rows.map(({ stream }) => stream));
};
