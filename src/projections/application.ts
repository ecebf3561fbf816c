import type { Checkpoint } from "../eventstore/checkpoints.ts";
import { errorText, type ParkedEvent, park, waiting } from "../eventstore/parkedEvents.ts";
import type { StoredEvent } from "../eventstore/store.ts";
import { query, type Transaction } from "../platform/postgres.ts";
import { type Sql, sql } from "../platform/sql.ts";
import type { Decoded } from "./decoding.ts";
import { changesOf, ignore, type Projection, type RowChange } from "./projection.ts";
import { foldChanges } from "./rowChanges.ts";
import { statementsOf } from "./rowStatements.ts";

/** A projection, how far it has come, and the streams whose events it sets aside. */
export type Follower = { projection: Projection; checkpoint: Checkpoint; parked: ReadonlySet<string> };

/** Where rows go: the live tables or a rebuild's copies. */
export type Place = { schema: string; parkedEvents: Sql };

/** The event itself cannot be applied: the same will happen every time. */
class Unprojectable extends Error {
  override readonly name = "Unprojectable";
}

/** Does the event concern the projection at all, and has it not been applied yet? */
export const wants = ({ projection, checkpoint }: Follower, { stream, type, position }: StoredEvent): boolean =>
  position > checkpoint.position &&
  projection.when[type] !== ignore &&
  projection.of.some(({ category }) => stream.startsWith(category) && stream[category.length] === "-");

/** All events for all projections at once: one statement for each table and kind of change. */
export const applyTogether = async (
  connection: Transaction,
  followers: readonly Follower[],
  batch: readonly Decoded[],
  place: Place,
): Promise<void> => {
  const changes: RowChange[] = [];
  const behind: ParkedEvent[] = [];
  for (const follower of followers) {
    for (const decoded of batch) {
      if (!wants(follower, decoded.event)) continue;
      if (follower.parked.has(decoded.event.stream)) behind.push(parkedEvent(follower, decoded.event, waiting));
      else changes.push(...changesBy(follower, decoded));
    }
  }
  await write(connection, changes, place);
  await park(connection, behind, place.parkedEvents);
};

/**
 * The same with the poison found: each projection alone and, where that fails, each event alone. An event that cannot
 * be applied is parked, and so are the later ones of its stream for this projection; nothing else waits for them.
 *
 * @returns what was parked because of its own error
 */
export const applyApart = async (
  connection: Transaction,
  followers: readonly Follower[],
  batch: readonly Decoded[],
  place: Place,
): Promise<ParkedEvent[]> => {
  const poison: ParkedEvent[] = [];
  for (const follower of followers) {
    const failure = await attempt(connection, () => applyTogether(connection, [follower], batch, place));
    if (failure !== undefined) poison.push(...(await applyOneByOne(connection, follower, batch, place)));
  }
  return poison;
};

const applyOneByOne = async (
  connection: Transaction,
  follower: Follower,
  batch: readonly Decoded[],
  place: Place,
): Promise<ParkedEvent[]> => {
  const poison: ParkedEvent[] = [];
  const parked = new Set(follower.parked);
  for (const decoded of batch) {
    const { event } = decoded;
    const failure = await attempt(connection, () =>
      applyTogether(connection, [{ ...follower, parked }], [decoded], place),
    );
    if (failure === undefined) continue;
    const found = parkedEvent(follower, event, errorText(failure));
    await park(connection, [found], place.parkedEvents);
    parked.add(event.stream);
    poison.push(found);
  }
  return poison;
};

/** Gives the failure of `work`, if it is the events' fault, and leaves no trace of it in the transaction. */
const attempt = async (connection: Transaction, work: () => Promise<void>): Promise<unknown> => {
  await query(connection, sql`savepoint attempt`);
  try {
    await work();
    await query(connection, sql`release savepoint attempt`);
    return undefined;
  } catch (error) {
    if (!isEventsFault(error)) throw error;
    await query(connection, sql`rollback to savepoint attempt`);
    return error;
  }
};

/** Class 22 is "data exception", 23 "integrity constraint violation": everything else may pass by itself. */
export const isEventsFault = (error: unknown): boolean =>
  error instanceof Unprojectable ||
  (error instanceof Error && "code" in error && typeof error.code === "string" && /^2[23]...$/.test(error.code));

const parkedEvent = ({ checkpoint }: Follower, event: StoredEvent, error: string): ParkedEvent => ({
  subscriber: checkpoint.subscriber,
  version: checkpoint.version,
  event,
  error,
});

const changesBy = ({ projection }: Follower, decoded: Decoded): readonly RowChange[] =>
  blamingEvents(() => {
    if ("failure" in decoded) throw decoded.failure;
    return changesOf(projection, decoded.recorded, decoded.event);
  });

const write = async (connection: Transaction, changes: readonly RowChange[], { schema }: Place): Promise<void> => {
  for (const statement of blamingEvents(() => statementsOf(foldChanges(changes), schema))) {
    await query(connection, statement);
  }
};

const blamingEvents = <T>(work: () => T): T => {
  try {
    return work();
  } catch (cause) {
    throw new Unprojectable(errorText(cause), { cause });
  }
};
