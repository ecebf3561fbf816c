import type { Checkpoint, Reached } from "../eventstore/checkpoints.ts";
import type { ParkedEvent } from "../eventstore/parkedEvents.ts";
import { backoffMs } from "../eventstore/subscriber.ts";
import { pause } from "../platform/lease.ts";
import { query, type Transaction } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";
import { applyApart, applyTogether, type Follower, isEventsFault, type Place } from "./application.ts";
import type { Batch } from "./inbox.ts";

/** A batch that fails is tried so often before the event at fault is looked for. */
const ATTEMPTS_MAX = 3;

type Committer = {
  /** Resolves when the rows and the checkpoints of the whole batch are written. */
  commit(batch: Batch): Promise<void>;
  followers(): readonly Follower[];
};

type Options = {
  connection: Transaction;
  followers: readonly Follower[];
  place: Place;
  batchMax: number;
  signal: AbortSignal;
  /** Moves the checkpoints, in the transaction of the rows and before them: their locks keep others out. */
  advance: (connection: Transaction, known: readonly Checkpoint[], to: Reached) => Promise<void>;
  onPoison: (poison: readonly ParkedEvent[]) => void;
};

/** Writes batches, each in one transaction or, when Postgres takes too long for it, in several smaller ones. */
export const committer = (options: Options): Committer => {
  const { batchMax } = options;
  let { followers } = options;
  let sizeMax = batchMax;

  const commitPart = async (part: Batch): Promise<void> => {
    const poison = await withRetries(options, followers, part);
    options.onPoison(poison);
    followers = followers.map((follower) => moved(follower, part, poison));
  };

  const commit = async ({ events, position }: Batch): Promise<void> => {
    const part = events.slice(0, sizeMax);
    const rest = events.slice(part.length);
    try {
      await commitPart({
        events: part,
        position: rest.length === 0 ? position : (part.at(-1)?.event.position ?? position),
      });
    } catch (error) {
      if (!isTimeout(error) || part.length <= 1) throw error;
      sizeMax = Math.ceil(part.length / 2);
      return commit({ events, position });
    }
    sizeMax = Math.min(sizeMax * 2, batchMax);
    if (rest.length > 0) await commit({ events: rest, position });
  };

  return { commit, followers: () => followers };
};

const withRetries = async (
  options: Options,
  followers: readonly Follower[],
  { events, position }: Batch,
  attempt = 1,
): Promise<ParkedEvent[]> => {
  const { connection, place, signal } = options;
  const within = <T>(apply: () => Promise<T>): Promise<T> =>
    inTransaction(connection, async () => {
      await options.advance(
        connection,
        followers.map(({ checkpoint }) => checkpoint),
        { position, last: events.at(-1)?.event },
      );
      return apply();
    });
  try {
    await within(() => applyTogether(connection, followers, events, place));
    return [];
  } catch (error) {
    if (!isEventsFault(error)) throw error;
  }
  if (attempt === ATTEMPTS_MAX) return within(() => applyApart(connection, followers, events, place));
  await pause(backoffMs(attempt), signal);
  return withRetries(options, followers, { events, position }, attempt + 1);
};

const moved = (follower: Follower, { events, position }: Batch, poison: readonly ParkedEvent[]): Follower => {
  const { checkpoint } = follower;
  const last = events.at(-1)?.event ?? checkpoint.last;
  const own = poison.filter(({ subscriber }) => subscriber === checkpoint.subscriber).map(({ event }) => event.stream);
  return {
    ...follower,
    checkpoint: checkpoint.position < position ? { ...checkpoint, position, last } : checkpoint,
    parked: own.length === 0 ? follower.parked : new Set([...follower.parked, ...own]),
  };
};

/** Postgres gave up on a statement because it took too long. */
const isTimeout = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "57014";

const inTransaction = async <T>(connection: Transaction, work: () => Promise<T>): Promise<T> => {
  await query(connection, sql`begin`);
  try {
    const result = await work();
    await query(connection, sql`commit`);
    return result;
  } catch (error) {
    // On a connection that is gone there is nothing to roll back.
    await query(connection, sql`rollback`).catch(() => undefined);
    throw error;
  }
};
