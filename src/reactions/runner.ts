import {
  advance,
  backToLastEvent,
  begin,
  type Checkpoint,
  checkpointsOf,
  type Reached,
  reactionSubscriber,
} from "../eventstore/checkpoints.ts";
import type { Codec } from "../eventstore/codec.ts";
import { refuseForeign } from "../eventstore/foreignCheckpoints.ts";
import { errorText, type ParkedEvent, park, parkedFor, unpark, waiting } from "../eventstore/parkedEvents.ts";
import type { EventStore, Followed, StoredEvent } from "../eventstore/store.ts";
import { backoffMs, type SubscriberRole, subscriber } from "../eventstore/subscriber.ts";
import type { EventDefs } from "../kernel/decider.ts";
import { pause } from "../platform/lease.ts";
import type { Log } from "../platform/log.ts";
import { type Pool, type Transaction, transaction } from "../platform/postgres.ts";
import { Unavailable } from "../platform/unavailable.ts";
import type { Reaction } from "./reaction.ts";

export type ReactionRunner = {
  status(): { role: SubscriberRole; problem: string | null; poisoned: number };
  /** Resolves when the effects in hand are had. */
  stop(): Promise<void>;
};

type ReactionOptions = {
  store: EventStore;
  /** One connection to hold the lease, and one now and then. */
  pool: Pool;
  codec: Codec;
  reactions: readonly Reaction[];
  log: Log;
  attemptsMax?: number;
};

/** An effect that fails for its own reasons is tried so often, within about 12 seconds; then its event is parked. */
const ATTEMPTS_MAX = 8;
/** Events without an effect move the checkpoint no more often. */
const PASSED_INTERVAL_MS = 1_000;

/**
 * Has every reaction's effects, in the order of events and at least once, in one process of the database at a time. No
 * reaction waits for another one. An effect that keeps failing is parked with the later events of its stream, which are
 * tried again in order when a runner starts; one that meets something unavailable waits for as long as it takes.
 */
export const runReactions = (options: ReactionOptions): ReactionRunner => {
  const counters = { poisoned: 0 };
  const { role, problem, stop } = subscriber("reactions", options.pool, options.log, async (_, held, onProgress) => {
    const over = new AbortController();
    const signal = AbortSignal.any([held, over.signal]);
    const loops = options.reactions.map((reaction) => react(options, reaction, { signal, onProgress, counters }));
    // One that fails takes the others with it: they begin again together.
    await Promise.all(loops).finally(async () => {
      over.abort();
      await Promise.allSettled(loops);
    });
  });
  return { stop, status: () => ({ role: role(), problem: problem(), ...counters }) };
};

type Run = { signal: AbortSignal; onProgress: () => void; counters: { poisoned: number } };
type Effect = (event: StoredEvent) => Promise<void>;

const react = async (options: ReactionOptions, reaction: Reaction, run: Run): Promise<void> => {
  const { signal, onProgress } = run;
  const effect = effectOf(options, reaction);
  let checkpoint = await standing(options, reaction);
  const parked = await retryParked(options, checkpoint, effect);
  onProgress();

  const moveTo = async (followed: Passed, failed: readonly ParkedEvent[] = []): Promise<void> => {
    const { position, last } = await reachedBy(followed, options.store);
    await transaction(options.pool, async (connection) => {
      await advance(connection, [checkpoint], { position, last });
      await park(connection, failed);
    });
    checkpoint = { ...checkpoint, position };
    onProgress();
  };

  const categories = reaction.of.map(({ category }) => category);
  let passed: Passed | undefined;
  let movedAt = performance.now();
  for await (const followed of options.store.follow({ after: checkpoint.position, categories, signal })) {
    if (followed.kind === "caughtUp") continue;
    passed = followed;
    const event = followed.kind === "event" && reaction.when[followed.event.type] ? followed.event : undefined;
    const error = event && (parked.has(event.stream) ? waiting : await attempts(() => effect(event), options, run));
    if (event && error !== undefined) {
      parked.add(event.stream);
      await moveTo(passed, [{ ...checkpoint, event, error }]);
    } else if (event || performance.now() - movedAt > PASSED_INTERVAL_MS) await moveTo(passed);
    else continue;
    movedAt = performance.now();
  }
  if (passed && positionOf(passed) > checkpoint.position) await moveTo(passed);
};

type Passed = Exclude<Followed, { kind: "caughtUp" }>;

const positionOf = (passed: Passed): bigint => (passed.kind === "event" ? passed.event.position : passed.position);

/** The event at a position that was only passed is asked for: the next start would go back to one long ago instead. */
const reachedBy = async (passed: Passed, store: EventStore): Promise<Reached> => {
  if (passed.kind === "event") return { position: passed.event.position, last: passed.event };
  return { position: passed.position, last: await store.at(passed.position) };
};

const effectOf = ({ codec }: ReactionOptions, { of, when }: Reaction): Effect => {
  const defs: EventDefs = Object.assign({}, ...of.map(({ events }) => events));
  return async (event) => {
    for (const { type, data, ...occurrence } of await codec.decode(defs, [event])) {
      // The codec has checked the data against the schema of this type, for which `reaction` has typed the function.
      await when[type]?.(data as never, occurrence);
    }
  };
};

/** @returns what went wrong in the last attempt; undefined when the effect was had */
const attempts = async (
  effect: () => Promise<void>,
  { log, attemptsMax = ATTEMPTS_MAX }: ReactionOptions,
  { signal, counters }: Run,
): Promise<string | undefined> => {
  for (let failures = 0; ; ) {
    try {
      await effect();
      return undefined;
    } catch (error) {
      failures += error instanceof Unavailable ? 0 : 1;
      if (failures === attemptsMax) {
        counters.poisoned += 1;
        log.error({ error }, "an effect cannot be had and its event is parked, with what follows in its stream");
        return errorText(error);
      }
      log.warn({ error, failures }, "an effect could not be had and is tried again");
    }
    await pause(backoffMs(Math.max(failures, 1)), signal);
    signal.throwIfAborted();
  }
};

/** A new reaction begins with the first event of all. @throws ForeignCheckpoint */
const standing = async ({ store, pool }: ReactionOptions, { name }: Reaction): Promise<Checkpoint> => {
  const subscriber = reactionSubscriber(name);
  const read = async (connection: Transaction): Promise<Checkpoint> => {
    const checkpoint = (await checkpointsOf(connection, [subscriber])).get(subscriber);
    if (!checkpoint) throw new Error(`the checkpoint of ${subscriber} is gone`);
    return checkpoint;
  };
  const found = await transaction(pool, async (connection) => {
    await begin(connection, { subscriber, version: 1 });
    return read(connection);
  });
  await refuseForeign(store, [found]);
  return transaction(pool, async (connection) => {
    await backToLastEvent(connection, [subscriber]);
    return read(connection);
  });
};

/** Once each, in the order of their streams. @returns the streams that stay parked */
const retryParked = async (
  { store, pool, log }: ReactionOptions,
  of: Checkpoint,
  effect: Effect,
): Promise<Set<string>> => {
  const still = new Set<string>();
  for (const { stream, eventId } of await transaction(pool, (connection) => parkedFor(connection, of))) {
    if (still.has(stream)) continue;
    try {
      for await (const event of store.read(stream)) if (event.id === eventId) await effect(event);
      await transaction(pool, (connection) => unpark(connection, of, eventId));
    } catch (error) {
      log.error({ error, event: eventId, stream }, "a parked effect still cannot be had");
      still.add(stream);
    }
  }
  return still;
};
