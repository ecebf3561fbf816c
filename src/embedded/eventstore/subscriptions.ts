import { setImmediate as nextTurn } from "node:timers/promises";
import { streamDeleted } from "./errors.ts";
import { noRevision, type RecordedEvent, tombstoneRevision } from "./event.ts";
import { createFilter, type FilterRequest, isShownInAll } from "./filters.ts";
import type { Log } from "./log.ts";
import { type From, pageSize, type Reads } from "./reads.ts";
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

type Source = {
  readonly listensTo: string | undefined;
  /** The next events from disk; none at the end. */
  history(position: number): readonly RecordedEvent[];
  /** Those of `events` that the subscriber asked for. */
  select(events: readonly RecordedEvent[]): readonly RecordedEvent[];
  readonly checkpointInterval: number;
};

/**
 * Subscriptions pull: each remembers how far it has looked and takes the next events from memory while it keeps up, from
 * disk when it does not. Nothing is buffered for it, so being slow costs time and never an event.
 */
export function createSubscriptions(log: Log, reads: Reads, tail: Tail): Subscriptions {
  const toStream = async (stream: string, from: From, subscriber: Subscriber) => {
    if (reads.stateOf(stream) === "tombstoned") throw streamDeleted(stream);
    const head = log.head(stream).revision;
    await run(streamSource(stream, from === "start" ? noRevision : from === "end" ? head : from), 0, subscriber);
  };

  const toAll = async (from: From, filter: FilterRequest | undefined, subscriber: Subscriber) => {
    const after = from === "start" ? 0 : from === "end" ? log.lastPosition : from;
    await run(allSource(after, filter), after, subscriber);
  };

  const streamSource = (stream: string, after: number): Source => {
    let revision = after;
    const isFresh = reads.freshness(stream);
    return {
      listensTo: stream,
      checkpointInterval: Number.POSITIVE_INFINITY,
      history: () => reads.streamAfter(stream, revision),
      select: (events) => {
        const next = events.filter((event) => event.stream === stream && event.revision > revision);
        revision = Math.max(revision, next.at(-1)?.revision ?? revision);
        return next.filter(isFresh);
      },
    };
  };

  const allSource = (after: number, filter: FilterRequest | undefined): Source => {
    const keep = filter === undefined ? undefined : createFilter(filter);
    return {
      listensTo: undefined,
      checkpointInterval: filter?.checkpointInterval ?? Number.POSITIVE_INFINITY,
      history: (position) => log.allPage(position + 1, "forwards", pageSize),
      select: (events) => {
        const shown = events.filter((event) => event.position > after && isShownInAll(event));
        return keep === undefined ? shown : keep(shown);
      },
    };
  };

  const run = async (source: Source, after: number, subscriber: Subscriber) => {
    const sleep = createSleep(source.listensTo, subscriber);
    const deliver = createDelivery(source, subscriber);
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
          await deliver(events);
          position = Math.max(position, last.position);
          if (!isLive) await nextTurn();
        } else if (isLive) {
          position = Math.max(position, await sleep.untilCommit());
        } else {
          isLive = true;
          position = Math.max(position, log.lastPosition);
          await deliver.reached(position);
          await subscriber.caughtUp();
        }
      }
    } finally {
      sleep.end();
    }
  };

  // While a subscription sleeps, commits that wake nobody here hold nothing for it: it may skip to the one that woke it.
  const createSleep = (stream: string | undefined, subscriber: Subscriber) => {
    let wake: ((position: number) => void) | undefined;
    const end = tail.listen(stream, (firstPosition) => wake?.(firstPosition - 1));
    subscriber.onGone(() => wake?.(0));
    const untilCommit = () =>
      new Promise<number>((resolve) => {
        wake = resolve;
      });
    return { end, untilCommit };
  };

  return { toStream, toAll };
}

type Delivery = {
  (events: readonly RecordedEvent[]): Promise<void>;
  /** Says how far a filtered subscription has come, unless it was said already. */
  reached(position: number): Promise<void>;
};

function createDelivery(source: Source, subscriber: Subscriber): Delivery {
  let examined = 0;
  let checkpointed = 0;

  const reached = async (position: number) => {
    if (!Number.isFinite(source.checkpointInterval) || position <= checkpointed) return;
    checkpointed = position;
    await subscriber.checkpoint(position);
  };

  const deliver = async (events: readonly RecordedEvent[]) => {
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

  return Object.assign(deliver, { reached });
}

const isEndOf = (stream: string | undefined, event: RecordedEvent): boolean =>
  event.revision === tombstoneRevision && event.stream === stream;
