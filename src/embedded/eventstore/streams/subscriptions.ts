import { setImmediate as nextTurn } from "node:timers/promises";
import { streamDeleted } from "../errors.ts";
import { noRevision, type RecordedEvent, tombstoneRevision } from "../event.ts";
import type { Log } from "../storage/log.ts";
import type { FilterRequest } from "./filters.ts";
import { type From, pageSize, type Reads } from "./reads.ts";
import { allSource, type Source, streamSource } from "./subscriptionSources.ts";
import type { Tail } from "./tail.ts";

/** The receiving end of a subscription. What it returns is awaited, so that a slow receiver slows only itself. */
export type Subscriber = {
  readonly isGone: boolean;
  onGone(listener: () => void): void;
  confirmed(): Promise<void> | undefined;
  event(event: RecordedEvent): Promise<void> | undefined;
  checkpoint(position: number): Promise<void> | undefined;
  caughtUp(): Promise<void> | undefined;
};

export type Subscriptions = {
  /** Both resolve when the subscriber is gone, and reject with what ends the call. */
  toStream(stream: string, from: From, subscriber: Subscriber): Promise<void>;
  toAll(from: From, filter: FilterRequest | undefined, subscriber: Subscriber): Promise<void>;
};

/**
 * Subscriptions pull: each remembers how far it has looked and takes the next events from memory while it keeps up,
 * from disk when it does not. Nothing is buffered for it, so being slow costs time and never an event.
 */
export function createSubscriptions(log: Log, reads: Reads, tail: Tail): Subscriptions {
  const run = async (source: Source, after: number, subscriber: Subscriber) => {
    const sleep = createSleep(tail, source.listensTo, subscriber);
    const delivery = createDelivery(source, subscriber);
    let position = after;
    let isLive = false;
    try {
      await subscriber.confirmed();
      while (!subscriber.isGone) {
        const events = isLive ? tail.after(position, pageSize) : source.history(position);
        const last = events?.at(-1);
        if (events === undefined) {
          isLive = false;
        } else if (last !== undefined) {
          await delivery.deliver(events);
          position = Math.max(position, last.position);
          if (!isLive) await nextTurn();
        } else if (isLive) {
          position = Math.max(position, await sleep.untilCommit());
        } else {
          isLive = true;
          position = Math.max(position, log.lastPosition);
          await delivery.reached(position);
          await subscriber.caughtUp();
        }
      }
    } finally {
      sleep.end();
    }
  };

  return {
    async toStream(stream, from, subscriber) {
      if (reads.stateOf(stream) === "tombstoned") throw streamDeleted(stream);
      const after = from === "start" ? noRevision : from === "end" ? log.head(stream).revision : from;
      await run(streamSource(reads, stream, after), 0, subscriber);
    },
    async toAll(from, filter, subscriber) {
      const after = from === "start" ? 0 : from === "end" ? log.lastPosition : from;
      await run(allSource(log, filter, after), after, subscriber);
    },
  };
}

// While a subscription sleeps, commits that do not wake it hold nothing for it: it may skip to the one that does.
function createSleep(tail: Tail, stream: string | undefined, subscriber: Subscriber) {
  let wake: ((position: number) => void) | undefined;
  const end = tail.listen(stream, (firstPosition) => wake?.(firstPosition - 1));
  subscriber.onGone(() => wake?.(0));
  const untilCommit = () =>
    new Promise<number>((resolve) => {
      wake = resolve;
    });
  return { end, untilCommit };
}

function createDelivery(source: Source, subscriber: Subscriber) {
  let examined = 0;
  let checkpointed = 0;

  /** Says how far a filtered subscription has come, unless it was said already. */
  const reached = async (position: number): Promise<void> => {
    if (!Number.isFinite(source.checkpointInterval) || position <= checkpointed) return;
    checkpointed = position;
    await subscriber.checkpoint(position);
  };

  const deliver = async (events: readonly RecordedEvent[]): Promise<void> => {
    const selected = new Set(source.select(events));
    for (const event of events) {
      if (subscriber.isGone) return;
      if (selected.has(event)) {
        const slowness = subscriber.event(event);
        if (slowness !== undefined) await slowness;
      }
      if (isEndOf(source.listensTo, event)) throw streamDeleted(event.stream);
      examined += 1;
      if (examined % source.checkpointInterval === 0) await reached(event.position);
    }
  };

  return { deliver, reached };
}

const isEndOf = (stream: string | undefined, event: RecordedEvent): boolean =>
  event.revision === tombstoneRevision && event.stream === stream;
