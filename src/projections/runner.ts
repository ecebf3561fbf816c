import { advance, CheckpointsMoved } from "../eventstore/checkpoints.ts";
import type { Codec } from "../eventstore/codec.ts";
import { type ParkedEvent, parkedEventsTable } from "../eventstore/parkedEvents.ts";
import type { EventStore } from "../eventstore/store.ts";
import { backoffMs, type SubscriberRole, subscriber } from "../eventstore/subscriber.ts";
import type { EventSource } from "../kernel/decider.ts";
import { aborted, pause } from "../platform/lease.ts";
import type { Log } from "../platform/log.ts";
import { type Pool, query, type Transaction } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";
import { type Follower, wants } from "./application.ts";
import { committer } from "./committer.ts";
import { decoding } from "./decoding.ts";
import { type Batch, type Inbox, inbox } from "./inbox.ts";
import { hearAwaited, tellProjected } from "./positions.ts";
import type { Projection } from "./projection.ts";
import { rebuild } from "./rebuild.ts";
import { standingOf } from "./standing.ts";

const BATCH_MAX = 1_000;
/** Commits follow each other no faster, so that events which come in meanwhile share one. */
const COMMIT_INTERVAL_MS = 100;
/** The same while somebody waits for them. */
const AWAITED_INTERVAL_MS = 20;

export type ProjectionRunner = {
  status(): RunnerStatus;
  /** Resolves when the batch in hand is written. */
  stop(): Promise<void>;
};

type RunnerStatus = {
  role: SubscriberRole;
  /** Every live projection has applied everything up to here; -1 while that is not known. */
  position: bigint;
  /** Has the store's end been seen since this process began to run? */
  isCaughtUp: boolean;
  /** Events that came in and are not applied yet, and when the oldest of them happened. */
  waiting: { events: number; since: string | null };
  /** Events parked by this process since it started because they could not be applied. */
  poisoned: number;
  /** Streams held back, over all projections. */
  parkedStreams: number;
  rebuilding: readonly string[];
  /** Projections whose rows a newer version of the code has made: they are left alone here. */
  newer: readonly string[];
  problem: string | null;
};

type ProjectionOptions = {
  store: EventStore;
  pool: Pool;
  codec: Codec;
  projections: readonly Projection[];
  /** Everything that is written to: also events no projection looks at move the position their writers wait for. */
  sources: readonly EventSource[];
  log: Log;
  /** An artificial wait before each batch, for tests and demonstrations of lag. */
  delayMs?: number;
};

/** Keeps all read models up to date, in one process of the database at a time; recovers from whatever is away. */
export const runProjections = (options: ProjectionOptions): ProjectionRunner => {
  const { pool, log } = options;
  const now: Progress = {
    followers: [],
    inbox: undefined,
    inHand: undefined,
    rebuilding: new Set(),
    newer: [],
    poisoned: 0,
  };
  const running = subscriber("projections", pool, log, (connection, signal, onProgress) =>
    session(options, now, { connection, signal, onProgress }),
  );
  return { stop: running.stop, status: () => ({ role: running.role(), problem: running.problem(), ...report(now) }) };
};

/** What a session tells about itself while it runs. */
type Progress = {
  followers: readonly Follower[];
  inbox: Inbox | undefined;
  inHand: Batch | undefined;
  rebuilding: Set<string>;
  newer: readonly string[];
  poisoned: number;
};

const report = (now: Progress): Omit<RunnerStatus, "role" | "problem"> => {
  const queued = now.inbox?.waiting();
  const oldest = now.inHand?.events[0]?.event ?? queued?.oldest;
  return {
    position: lowest(now.followers),
    isCaughtUp: now.inbox?.isCaughtUp() ?? false,
    waiting: {
      events: (now.inHand?.events.length ?? 0) + (queued?.events ?? 0),
      since: oldest?.metadata.occurredAt ?? null,
    },
    poisoned: now.poisoned,
    parkedStreams: now.followers.reduce((streams, { parked }) => streams + parked.size, 0),
    rebuilding: [...now.rebuilding],
    newer: now.newer,
  };
};

const lowest = ([first, ...others]: readonly Follower[]): bigint =>
  others.reduce(
    (low, { checkpoint: { position } }) => (position < low ? position : low),
    first?.checkpoint.position ?? -1n,
  );

/** From reading the checkpoints until they are not what they were: the next session begins with reading them again. */
const session = async (
  options: ProjectionOptions,
  now: Progress,
  { connection, signal: outer, onProgress }: { connection: Transaction; signal: AbortSignal; onProgress: () => void },
): Promise<void> => {
  const { store, projections, log } = options;
  const over = new AbortController();
  const signal = AbortSignal.any([outer, over.signal]);
  // What Postgres loses in a crash it loses with the checkpoint, in order: the events are then applied again. Nobody
  // waits for these commits to be durable, and the event store has the disk to itself.
  await query(connection, sql`set synchronous_commit = off`);
  const { live, outdated, newer } = await standingOf(connection, projections, store);
  now.followers = live;
  now.newer = newer.map(({ name }) => name);
  if (newer.length > 0) log.error({ projections: now.newer }, "projections of a newer version are left alone");
  onProgress();
  const rebuilt = rebuildBeside(options, now, outdated, signal).then(() => outdated.length > 0 && over.abort());
  try {
    if (live.length === 0) await aborted(signal);
    else await applyLive(options, now, { connection, signal, onProgress });
  } catch (error) {
    if (!(error instanceof CheckpointsMoved)) throw error;
  } finally {
    over.abort();
    await rebuilt;
    Object.assign(now, { inbox: undefined, inHand: undefined });
  }
};

const applyLive = async (
  { store, codec, sources, projections, delayMs = 0, log }: ProjectionOptions,
  now: Progress,
  { connection, signal, onProgress }: { connection: Transaction; signal: AbortSignal; onProgress: () => void },
): Promise<void> => {
  const followers = now.followers;
  const all = [...sources, ...projections.flatMap(({ of }) => of)];
  const categories = [...new Set(all.map(({ category }) => category))];
  const decode = decoding(codec, all, (event) => followers.some((each) => wants(each, event)));
  const box = inbox(store.follow({ after: lowest(followers), categories, signal }), decode);
  now.inbox = box;
  await hearAwaited(connection, box.hurry);
  const { commit, followers: current } = committer({
    connection,
    followers,
    place: { schema: "read_model", parkedEvents: parkedEventsTable },
    batchMax: BATCH_MAX,
    signal,
    advance: async (transaction, known, to) => {
      await advance(transaction, known, to);
      await tellProjected(transaction, projections);
    },
    onPoison: (poison) => alarm(log, now, poison),
  });
  for (let last = Number.NEGATIVE_INFINITY; ; last = performance.now()) {
    const batch = await box.take(BATCH_MAX, last + COMMIT_INTERVAL_MS, last + AWAITED_INTERVAL_MS);
    if (!batch || signal.aborted) return;
    now.inHand = batch;
    if (delayMs > 0) await pause(delayMs, signal);
    await commit(batch);
    now.inHand = undefined;
    now.followers = current();
    onProgress();
  }
};

const alarm = (log: Log, now: Progress, poison: readonly ParkedEvent[]): void => {
  now.poisoned += poison.length;
  for (const { subscriber, event, error } of poison) {
    const { id, stream, type, position } = event;
    log.error(
      { projection: subscriber, event: id, stream, type, position: position.toString(), cause: error },
      "an event could not be applied and is parked, with what follows in its stream",
    );
  }
};

/** One after the other, each until it is done: the old rows serve meanwhile. */
const rebuildBeside = async (
  options: ProjectionOptions,
  now: Progress,
  outdated: readonly Projection[],
  signal: AbortSignal,
): Promise<void> => {
  for (const { name } of outdated) now.rebuilding.add(name);
  for (const projection of outdated) {
    for (let failures = 0; !signal.aborted; ) {
      try {
        await rebuild(options, projection, { signal });
        break;
      } catch (error) {
        if (signal.aborted) break;
        failures += 1;
        options.log.error({ error, projection: projection.name }, "a rebuild failed and begins again");
        await pause(backoffMs(failures), signal);
      }
    }
    now.rebuilding.delete(projection.name);
  }
};
