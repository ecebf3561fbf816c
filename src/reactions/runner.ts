import type { Codec } from "../eventstore/codec.ts";
import type { Answer, Groups } from "../eventstore/persistentSubscription.ts";
import type { StoredEvent } from "../eventstore/store.ts";
import { backoffMs, repeating } from "../eventstore/subscriber.ts";
import type { EventDefs } from "../kernel/decider.ts";
import { pause } from "../platform/lease.ts";
import type { Log } from "../platform/log.ts";
import { Unavailable } from "../platform/unavailable.ts";
import type { Reaction } from "./reaction.ts";

export type ReactionRunner = {
  status(): ReactionStatus;
  /** Resolves when the effects in hand are had, those that wait to be tried again are left, and the groups too. */
  stop(): Promise<void>;
};

type ReactionStatus = {
  /** Does this process take part in every reaction? */
  isRunning: boolean;
  /** Why not, for people. */
  problem: string | null;
  /** Events whose effects are waited for at the moment, because something is unavailable or went wrong. */
  waiting: number;
  /** Events parked by this process since it started. */
  parked: number;
};

type ReactionOptions = {
  groups: Groups;
  codec: Codec;
  reactions: readonly Reaction[];
  log: Log;
  attemptsMax?: number;
};

/** An effect that fails for its own reasons is tried so often, within about 7 seconds; then its event is parked. */
const ATTEMPTS_MAX = 8;
/** So many events of a reaction are dealt with at once: one that waits for something holds up no other. */
const IN_HAND_MAX = 32;

/**
 * Has every reaction's effects at least once, in no order, shared with all other processes that react. An event whose
 * effect keeps failing is parked by the event store, until an operator has it handed out again; an effect that meets
 * something unavailable waits for as long as it takes.
 */
export const runReactions = (options: ReactionOptions): ReactionRunner => {
  const members = options.reactions.map((reaction) => memberOf(options, reaction));
  return {
    status: () => ({
      isRunning: members.every(({ now }) => now.isJoined),
      problem: members.map(({ problem }) => problem()).find((problem) => problem !== null) ?? null,
      waiting: members.reduce((sum, { now }) => sum + now.waiting, 0),
      parked: members.reduce((sum, { now }) => sum + now.parked, 0),
    }),
    stop: async () => {
      await Promise.all(members.map(({ stop }) => stop()));
    },
  };
};

/** What a member tells about itself while it takes part. */
type Progress = { isJoined: boolean; waiting: number; parked: number };

const memberOf = (options: ReactionOptions, reaction: Reaction) => {
  const now: Progress = { isJoined: false, waiting: 0, parked: 0 };
  const { name, when } = reaction;
  const log = options.log.child({ reaction: name });
  const effect = effectOf(options.codec, reaction);
  const handle = (event: StoredEvent, over: AbortSignal) => answerTo(event, effect, { ...options, log, now, over });
  const running = repeating(`reaction ${name}`, log, async (signal, onProgress) => {
    const onJoined = () => {
      now.isJoined = true;
      onProgress();
    };
    const membership = { inHandMax: IN_HAND_MAX, signal, onJoined, handle };
    await options.groups.join({ name, types: Object.keys(when) }, membership).finally(() => {
      now.isJoined = false;
    });
  });
  return { ...running, now };
};

type Effect = (event: StoredEvent) => Promise<void>;

/** Others may have events of the same type, in streams that are none of ours: they have no effect. */
const effectOf = (codec: Codec, { of, when }: Reaction): Effect => {
  const defs: EventDefs = Object.assign({}, ...of.map(({ events }) => events));
  const categories = of.map(({ category }) => `${category}-`);
  return async (event) => {
    if (!categories.some((category) => event.stream.startsWith(category))) return;
    for (const { type, data, ...occurrence } of await codec.decode(defs, [event])) {
      // The codec has checked the data against the schema of this type, for which `reaction` has typed the function.
      await when[type]?.(data as never, occurrence);
    }
  };
};

type Attempting = { log: Log; now: Progress; over: AbortSignal; attemptsMax?: number };

const answerTo = async (event: StoredEvent, effect: Effect, attempting: Attempting): Promise<Answer> => {
  const { log, now, over, attemptsMax = ATTEMPTS_MAX } = attempting;
  const { id: eventId, stream } = event;
  for (let attempts = 1, failures = 0; ; attempts += 1) {
    try {
      await effect(event);
      return "done";
    } catch (error) {
      failures += error instanceof Unavailable ? 0 : 1;
      if (failures === attemptsMax) {
        now.parked += 1;
        log.error({ error, eventId, stream }, "an effect cannot be had, and its event is parked");
        return { parked: reasonOf(error) };
      }
      log.warn({ error, eventId, stream, attempts }, "an effect could not be had, and is tried again");
    }
    now.waiting += 1;
    await pause(backoffMs(attempts), over);
    now.waiting -= 1;
    if (over.aborted) return "left";
  }
};

/** It stays in the event store for good: what the error says may name people, and is in the log alone. */
const reasonOf = (error: unknown): string => (error instanceof Error ? error.name : "something that is no error");
