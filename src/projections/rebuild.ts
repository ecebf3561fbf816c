import { type Checkpoint, checkpointsOf, type Reached } from "../eventstore/checkpoints.ts";
import type { Codec } from "../eventstore/codec.ts";
import { foreign } from "../eventstore/foreignCheckpoints.ts";
import type { EventStore, Followed } from "../eventstore/store.ts";
import { withLease } from "../platform/lease.ts";
import type { Log } from "../platform/log.ts";
import { type Pool, query, type Transaction, transaction } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";
import type { Follower } from "./application.ts";
import { committer } from "./committer.ts";
import { copiesOf } from "./copies.ts";
import { decoding } from "./decoding.ts";
import { inbox } from "./inbox.ts";
import { tellProjected } from "./positions.ts";
import { ignore, type Projection } from "./projection.ts";

/** Nobody waits for single events here, so more of them share a transaction. */
const BATCH_MAX = 2_000;
/** So long a batch waits until it is full: how fast events come is not how they are best written. */
const FILLING_MAX_MS = 1_000;

type RebuildProgress = { position: bigint; target: bigint; events: number };

type Options = {
  store: EventStore;
  pool: Pool;
  codec: Codec;
  /** All of them: a projection without live rows is brought to where the others are. */
  projections: readonly Projection[];
  log: Log;
};

/**
 * Fills empty copies of the projection's tables from the first event on, while the live rows serve; then, in one
 * transaction, makes the live rows equal to them and moves the checkpoint. Readers see the one or the other. Where the
 * projection is live, the runner waits during that transaction and goes on with the new rows behind the same position.
 *
 * Nothing is done when the rows are of the code's version already, unless `isAsked` for. What an earlier rebuild left
 * behind when it was killed is dropped first.
 */
export const rebuild = (
  options: Options,
  projection: Projection,
  how: { signal: AbortSignal; isAsked?: boolean; onProgress?: (progress: RebuildProgress) => void },
): Promise<void> =>
  withLease(options.pool, `rebuild ${projection.name}`, how, async (connection, signal) => {
    const standing = await standingOf(connection, options, projection);
    if (standing.own?.version === projection.version && !how.isAsked) return;
    const { name, version } = projection;
    options.log.info({ projection: name, version }, "a rebuild begins");
    await query(connection, sql`set synchronous_commit = off`);
    await query(connection, sql`set statement_timeout = 0`);
    const copies = copiesOf(projection);
    await copies.create(connection);
    const fill = filling(options, projection, { connection, signal, place: copies.place, onProgress: how.onProgress });
    while ((await fill((await standingOf(connection, options, projection)).target.position)) > BATCH_MAX);
    if (signal.aborted) return;
    await transaction(options.pool, async (swap) => {
      await query(swap, sql`set local statement_timeout = 0`);
      await query(swap, sql`select from runtime.checkpoints where projection = ${name} for update`);
      // From here on no runner moves this projection: what it has applied by now is what the copies must hold.
      const { target } = await standingOf(swap, options, projection);
      await fill(target.position);
      signal.throwIfAborted();
      await copies.exchange(swap);
      await moveCheckpoint(swap, projection, target);
      await tellProjected(swap, options.projections);
      await copies.drop(swap);
    });
    options.log.info({ projection: name, version }, "a rebuild is done");
  });

/**
 * Where the rows stand, and the position to bring them to: never beyond what a reader of the live rows has seen.
 * Checkpoints of another event store, or of what this one was before it was put back, say nothing about that.
 */
const standingOf = async (
  connection: Transaction,
  { store, projections }: Options,
  { name, version }: Projection,
): Promise<{ own: Checkpoint | undefined; target: Reached }> => {
  const names = projections.map((each) => each.name);
  const checkpoints = await checkpointsOf(connection, [...names, name]);
  const isHere = async (checkpoint: Checkpoint) => (await foreign(store, [checkpoint])) === undefined;
  const own = checkpoints.get(name);
  const ownHere = own && (await isHere(own)) ? own : undefined;
  if (ownHere?.version === version) return { own, target: ownHere };

  const others: Reached[] = [];
  for (const other of projections) {
    const checkpoint = checkpoints.get(other.name);
    if (other.name === name || checkpoint?.version !== other.version) continue;
    if (await isHere(checkpoint)) others.push(checkpoint);
  }
  const wanted = others.length === 0 ? await newestOf(store) : others.reduce(lower);
  return { own, target: ownHere && ownHere.position > wanted.position ? ownHere : wanted };
};

const lower = (a: Reached, b: Reached): Reached => (a.position < b.position ? a : b);

const newestOf = async (store: EventStore): Promise<Reached> => {
  const last = await store.newest();
  return { position: last?.position ?? -1n, last };
};

type Filling = {
  connection: Transaction;
  signal: AbortSignal;
  place: ReturnType<typeof copiesOf>["place"];
  onProgress: ((progress: RebuildProgress) => void) | undefined;
};

/** A function that brings the copies up to a position and gives the number of events it took. */
const filling = (
  { store, codec, log }: Options,
  projection: Projection,
  { connection, signal, place, onProgress = () => undefined }: Filling,
): ((target: bigint) => Promise<number>) => {
  const { name: subscriber, version } = projection;
  const categories = projection.of.map(({ category }) => category);
  let follower: Follower = {
    projection,
    checkpoint: { subscriber, version, position: -1n, last: undefined, generation: 0 },
    parked: new Set(),
  };
  const decode = decoding(codec, projection.of, ({ type }) => projection.when[type] !== ignore);
  let total = 0;

  return async (target) => {
    const before = total;
    const after = follower.checkpoint.position;
    const box = inbox(upTo(target, after, store.follow({ after, categories, signal })), decode);
    const { commit, followers } = committer({
      connection,
      followers: [follower],
      place,
      batchMax: BATCH_MAX,
      signal,
      advance: async () => undefined,
      onPoison: (poison) => {
        for (const { event, error } of poison) {
          log.error({ projection: subscriber, event: event.id, cause: error }, "an event is parked in a rebuild");
        }
      },
    });
    const next = () => box.take(BATCH_MAX, performance.now() + FILLING_MAX_MS);
    for (let batch = await next(); batch; batch = await next()) {
      signal.throwIfAborted();
      await commit(batch);
      total += batch.events.length;
      onProgress({ position: batch.position, target, events: total });
    }
    signal.throwIfAborted();
    const [reached = follower] = followers();
    follower = { ...reached, checkpoint: { ...reached.checkpoint, position: target } };
    onProgress({ position: target, target, events: total });
    return total - before;
  };
};

/** Ends when everything up to `target` has come. `caughtUp` says so too: the store has had it before this began. */
const upTo = async function* (target: bigint, after: bigint, source: AsyncIterable<Followed>): AsyncIterable<Followed> {
  if (after >= target) return;
  for await (const followed of source) {
    if (followed.kind === "caughtUp") return;
    const position = followed.kind === "event" ? followed.event.position : followed.position;
    if (position <= target) yield followed;
    if (position >= target) return;
  }
};

/** The version goes with the rows. The number of rebuilds tells a runner that what it knows of them is no longer so. */
const moveCheckpoint = async (
  connection: Transaction,
  { name, version }: Projection,
  { position, last }: Reached,
): Promise<void> => {
  await query(connection, sql`delete from runtime.checkpoints where projection = ${name} and version <> ${version}`);
  await query(
    connection,
    sql`insert into runtime.checkpoints as c
        (projection, version, position, last_stream, last_revision, last_event_id, last_position)
      values (${name}, ${version}, ${position}, ${last?.stream ?? null}, ${last?.revision ?? null}, ${last?.id ?? null},
        ${last?.position ?? null})
      on conflict (projection, version)
      do update set position = excluded.position, generation = c.generation + 1, updated_at = now(),
        last_stream = excluded.last_stream, last_revision = excluded.last_revision,
        last_event_id = excluded.last_event_id, last_position = excluded.last_position`,
  );
};
