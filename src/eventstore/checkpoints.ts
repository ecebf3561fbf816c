import { type Pool, query, type Transaction } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";
import type { StoredEvent } from "./store.ts";

/** An event, and where it stands in its event store. */
export type LastEvent = Pick<StoredEvent, "stream" | "revision" | "id" | "position">;

/** Everything up to `position` (inclusive) is dealt with; `last` is the newest event of it, where one is known. */
export type Reached = { position: bigint; last: LastEvent | undefined };

/** How far one version of a subscriber has come. */
export type Checkpoint = Reached & {
  subscriber: string;
  version: number;
  /** How often a rebuild has exchanged its rows. */
  generation: number;
};

/** Somebody else has moved a checkpoint: what is known about it has to be read again. */
export class CheckpointsMoved extends Error {
  override readonly name = "CheckpointsMoved";
}

/** By subscriber; of several versions the newest. */
export const checkpointsOf = async (
  connection: Pool | Transaction,
  subscribers: readonly string[],
): Promise<ReadonlyMap<string, Checkpoint>> => {
  const rows = await query<Stored>(
    connection,
    sql`select projection, version, position::text, generation, last_stream, last_revision::text, last_event_id,
        last_position::text
      from runtime.checkpoints where projection = any(${subscribers}::text[]) order by version`,
  );
  return new Map(rows.map((row) => [row.projection, checkpoint(row)]));
};

type Stored = { projection: string; version: number; position: string; generation: number } & (
  | { last_stream: string; last_revision: string; last_event_id: string; last_position: string }
  | { last_stream: null; last_revision: null; last_event_id: null; last_position: null }
);
const checkpoint = (row: Stored): Checkpoint => ({
  subscriber: row.projection,
  version: row.version,
  position: BigInt(row.position),
  generation: row.generation,
  last:
    row.last_stream === null
      ? undefined
      : {
          stream: row.last_stream,
          revision: BigInt(row.last_revision),
          id: row.last_event_id,
          position: BigInt(row.last_position),
        },
});

/** Begins with the first event of all, unless a checkpoint of this version is there. */
export const begin = async (
  connection: Transaction,
  { subscriber, version }: Pick<Checkpoint, "subscriber" | "version">,
): Promise<void> => {
  await query(
    connection,
    sql`insert into runtime.checkpoints (projection, version, position) values (${subscriber}, ${version}, -1)
      on conflict do nothing`,
  );
};

/**
 * Takes checkpoints back to the last event: what was passed over since is passed over again. An event store put back to
 * an older copy may have got other events there.
 */
export const backToLastEvent = async (connection: Transaction, subscribers: readonly string[]): Promise<void> => {
  await query(
    connection,
    sql`update runtime.checkpoints set position = last_position
      where projection = any(${subscribers}::text[]) and position > last_position`,
  );
};

/**
 * Moves checkpoints that stand before `to` up to it, if all are as the caller knows them. The rows stay locked until
 * the transaction ends: two transactions never apply the same events.
 *
 * @throws CheckpointsMoved
 */
export const advance = async (connection: Transaction, known: readonly Checkpoint[], to: Reached): Promise<void> => {
  const moved = await query(
    connection,
    sql`update runtime.checkpoints as c
      set position = greatest(c.position, ${to.position}::bigint), updated_at = now(),
        (last_stream, last_revision, last_event_id, last_position) = (
          select * from (values
            (c.last_stream, c.last_revision, c.last_event_id, c.last_position),
            (${to.last?.stream ?? null}::text, ${to.last?.revision ?? null}::bigint, ${to.last?.id ?? null}::uuid,
              ${to.last?.position ?? null}::bigint)
          ) as event (stream, revision, id, position) order by position desc nulls last limit 1)
      from unnest(
        ${known.map(({ subscriber }) => subscriber)}::text[], ${known.map(({ version }) => version)}::integer[],
        ${known.map(({ position }) => position)}::bigint[], ${known.map(({ generation }) => generation)}::integer[]
      ) as known (projection, version, position, generation)
      where (c.projection, c.version, c.position, c.generation)
        = (known.projection, known.version, known.position, known.generation)
      returning c.projection`,
  );
  if (moved.length !== known.length) throw new CheckpointsMoved("another process has moved a checkpoint");
};
