import type { Metadata } from "../kernel/decider.ts";
import { Unavailable } from "../platform/unavailable.ts";

/** An event as its store holds it: personal fields encrypted, version as written. */
export type StoredEvent = {
  id: string;
  stream: string;
  type: string;
  data: Readonly<Record<string, unknown>>;
  metadata: Metadata;
  revision: bigint;
  /** Commit position in `$all`. */
  position: bigint;
};
export type NewEvent = Pick<StoredEvent, "id" | "type" | "data" | "metadata"> & {
  /** The same as text, where it has been spelled already. */
  json?: { data: string; metadata: string };
};

/** The expected revision of a stream that must not exist yet. */
export const noStream = -1n;

export type Appended = { position: bigint; revision: bigint };

/**
 * The port to EventStoreDB. Streams of the store's own (`$…`) are never seen through it.
 *
 * Errors: `EventStoreUnavailable` when nothing was sent or could be read; `AppendAnswerLost` when an append may or
 * may not have happened and its stream must be read again to know.
 */
export type EventStore = {
  /** "conflict" when the stream is not at `expected`: nothing was written. */
  append(stream: string, events: readonly NewEvent[], expected: bigint): Promise<Appended | "conflict">;
  /** Oldest first, from `from` on; empty for a stream that does not exist. */
  read(stream: string, from?: bigint, count?: number): AsyncIterable<StoredEvent>;
  /** The last event of a stream. */
  last(stream: string): Promise<StoredEvent | undefined>;
  /** The commit position of the newest event of the whole store; -1 when it is empty. */
  head(): Promise<bigint>;
  /** The newest event of the whole store. */
  newest(): Promise<StoredEvent | undefined>;
  /** What stands at a position of the whole store. */
  at(position: bigint): Promise<StoredEvent | undefined>;
  /**
   * Everything after `after` (exclusive; -1 for all) in streams of these categories, in commit order, for ever.
   * Reconnects by itself from the last item given; ends only when `signal` is aborted. `onDisconnect` hears when that
   * becomes necessary: until the next `caughtUp` the follower may be behind without knowing it.
   */
  follow(options: {
    after: bigint;
    categories: readonly string[];
    signal: AbortSignal;
    onDisconnect?: () => void;
  }): AsyncIterable<Followed>;
  /** Whether the store answers just now. */
  isReachable(): Promise<boolean>;
};

/** `passed`: everything up to this position was looked at, wanted or not. `caughtUp`: what follows is live. */
export type Followed =
  | { kind: "event"; event: StoredEvent }
  | { kind: "passed"; position: bigint }
  | { kind: "caughtUp" };

export class EventStoreUnavailable extends Unavailable {
  override readonly name = "EventStoreUnavailable";
}

export class AppendAnswerLost extends Error {
  override readonly name = "AppendAnswerLost";
}
