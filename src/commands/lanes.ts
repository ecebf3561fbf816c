import { setTimeout as delay } from "node:timers/promises";
import type { Codec } from "../eventstore/codec.ts";
import { journalOf } from "../eventstore/journal.ts";
import { type EventStore, EventStoreUnavailable } from "../eventstore/store.ts";
import type { Command } from "../kernel/decider.ts";
import type { Standing } from "./batch.ts";
import { ledgerLog, shortLog } from "./commandLog.ts";
import type { CommandMemory } from "./commandMemory.ts";
import type { HeldTotal } from "./heldCommands.ts";
import { type Lane, openLane } from "./lane.ts";
import type { Limits, Warn } from "./limits.ts";
import type { RightOfWay } from "./turns.ts";

export type { RightOfWay } from "./turns.ts";

type Lanes = {
  of(on: Command["on"], id: string): Lane;
  /**
   * The folded stream. While other processes' events come in as they happen, what its lane holds is the present; else
   * it is read again, unless the store has just gone away.
   */
  standing(on: Command["on"], id: string): Promise<Standing>;
  /** What is in memory now. */
  held(): { lanes: number; commands: number };
  /** Begins to follow the store; what is known until then is read again before it is used. */
  start(): void;
  stop(): Promise<void>;
};

type Options = {
  store: EventStore;
  codec: Codec;
  memory: CommandMemory;
  rightOfWay?: RightOfWay | undefined;
  categories: readonly string[];
  limits: Limits;
  warn: Warn;
};

/** Whether it was used since its turn to go came last: then it is passed over once. */
type Kept = { readonly lane: Lane; isUsed: boolean };

const restartMs = 500;

/** So many are passed over at a time, so that nobody waits while all of a process's lanes are gone through. */
const passedOverMax = 100;

/** All lanes of this process. Of too many, those that are idle and were not used for long are let go. */
export const openLanes = ({ store, codec, memory, rightOfWay, categories, limits, warn }: Options): Lanes => {
  const lanes = new Map<string, Kept>();
  const total: HeldTotal = { commands: 0 };
  const following = followStore({ store, categories, warn, lanes });
  const stopping = new AbortController();
  let hearing: Promise<void> | undefined;

  const open = (on: Command["on"], id: string, stream: string): Lane => {
    const { events, ledger } = on;
    const log = ledger
      ? ledgerLog({ ledger: id, foldVersion: ledger.foldVersion, memory, limits, total, warn })
      : shortLog(total);
    const journal = journalOf({ store, codec, events, stream, isLedger: ledger !== undefined });
    return openLane({ on, id, stream, journal, log, limits, rightOfWay, onIdle: evict });
  };

  const isCrowded = () => lanes.size > limits.lanesMax || total.commands > limits.heldCommandsMax;

  /** A lane at work, or about to be, stays: a second one of the same stream would only be in its way. */
  const evict = (asked?: string) => {
    if (!isCrowded()) return;
    let passedOver = 0;
    for (const [stream, kept] of lanes) {
      if (!isCrowded()) return;
      if (stream === asked || !kept.lane.isIdle()) continue;
      lanes.delete(stream);
      if (kept.isUsed && passedOver < passedOverMax) {
        lanes.set(stream, { ...kept, isUsed: false });
        passedOver += 1;
      } else kept.lane.release();
    }
  };

  const of: Lanes["of"] = (on, id) => {
    const stream = `${on.category}-${id}`;
    const known = lanes.get(stream);
    if (known) {
      known.isUsed = true;
      return known.lane;
    }
    const lane = open(on, id, stream);
    lanes.set(stream, { lane, isUsed: false });
    evict(stream);
    return lane;
  };

  return {
    of,
    held: () => ({ lanes: lanes.size, commands: total.commands }),
    async standing(on, id) {
      const lane = of(on, id);
      const isFollowed = categories.includes(on.category);
      try {
        return await lane.standing(isFollowed && following.isLive());
      } catch (error) {
        const hasJustGone = isFollowed && following.notLiveForMs() < limits.lastKnownMaxMs;
        if (!hasJustGone || !(error instanceof EventStoreUnavailable)) throw error;
        return lane.standing(true);
      }
    },
    start() {
      following.start();
      hearing ??= rightOfWay?.hear((word) => lanes.get(word.stream)?.lane.heard(word), stopping.signal);
    },
    async stop() {
      stopping.abort();
      await Promise.all([following.stop(), hearing]);
    },
  };
};

type Followed = Pick<Options, "store" | "categories" | "warn"> & { lanes: ReadonlyMap<string, Kept> };

/** Tells lanes of what other processes write, as it happens while `isLive`. */
const followStore = ({ store, categories, warn, lanes }: Followed) => {
  const stopping = new AbortController();
  const { signal } = stopping;
  let isLive = false;
  /** On the process's own clock. */
  let lastLiveMs = Number.NEGATIVE_INFINITY;
  let following: Promise<void> | undefined;

  const endLive = () => {
    if (isLive) lastLiveMs = performance.now();
    isLive = false;
  };

  /** What lanes hold may be older than where the subscription begins: they read again before they go on. */
  const follow = async (after: bigint): Promise<void> => {
    for (const { lane } of lanes.values()) lane.doubt();
    for await (const item of store.follow({ after, categories, signal, onDisconnect: endLive })) {
      if (item.kind === "caughtUp") isLive = true;
      if (item.kind === "event") lanes.get(item.event.stream)?.lane.reached(item.event.revision);
    }
  };

  const followForEver = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await follow(await store.head());
      } catch (error) {
        endLive();
        warn({ error }, "lanes cannot follow the event store and read before they decide");
        await delay(restartMs, undefined, { signal }).catch(() => undefined);
      }
    }
  };

  return {
    isLive: () => isLive,
    notLiveForMs: () => performance.now() - lastLiveMs,
    start() {
      following ??= followForEver();
    },
    async stop() {
      stopping.abort();
      await following;
      endLive();
    },
  };
};
