import { query, type Transaction } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";

/** How far one version of a subscriber has come: everything up to `position` (inclusive) is dealt with. */
export type Checkpoint = {
  subscriber: string;
  version: number;
  position: bigint;
  /** How often a rebuild has exchanged its rows. */
  generation: number;
};

/** Somebody else has moved a checkpoint: what is known about it has to be read again. */
export class CheckpointsMoved extends Error {
  override readonly name = "CheckpointsMoved";
}

export const checkpointsOf = async (
  connection: Transaction,
  subscribers: readonly string[],
): Promise<ReadonlyMap<string, Checkpoint>> => {
  const rows = await query<Stored>(
    connection,
    sql`select projection, version, position::text, generation from runtime.checkpoints
      where projection = any(${subscribers}::text[]) order by version`,
  );
  return new Map(rows.map((row) => [row.projection, checkpoint(row)]));
};

type Stored = { projection: string; version: number; position: string; generation: number };
const checkpoint = ({ projection, version, position, generation }: Stored): Checkpoint => ({
  subscriber: projection,
  version,
  position: BigInt(position),
  generation,
});

/** Begins at `position`, unless a checkpoint of this version is there. */
export const beginAt = async (
  connection: Transaction,
  { subscriber, version, position }: Omit<Checkpoint, "generation">,
): Promise<void> => {
  await query(
    connection,
    sql`insert into runtime.checkpoints (projection, version, position) values (${subscriber}, ${version}, ${position})
      on conflict do nothing`,
  );
};

/**
 * Moves checkpoints that stand before `to` up to it, if all are as the caller knows them. The rows stay locked until
 * the transaction ends: two transactions never apply the same events.
 *
 * @throws CheckpointsMoved
 */
export const advance = async (connection: Transaction, known: readonly Checkpoint[], to: bigint): Promise<void> => {
  const moved = await query(
    connection,
    sql`update runtime.checkpoints as c set position = greatest(c.position, ${to}::bigint), updated_at = now()
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

/** Events were dealt with that the event store does not have: it was put back to an older state. */
class CheckpointAheadOfStore extends Error {
  override readonly name = "CheckpointAheadOfStore";
}

/** DR-12: going on from there would skip events. @throws CheckpointAheadOfStore */
export const refuseAhead = ({ subscriber, position }: Checkpoint, head: bigint): void => {
  if (position <= head) return;
  throw new CheckpointAheadOfStore(
    `${subscriber} has come to position ${position}, but the event store ends at ${head}: it seems to be an older ` +
      "copy. Put back the right one, or rebuild the projections from this one: npm run rebuild",
  );
};
