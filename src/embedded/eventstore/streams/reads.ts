import { noRevision, type RecordedEvent } from "../event.ts";
import type { Log } from "../storage/log.ts";
import type { Direction } from "../storage/pages.ts";
import type { EventFilter } from "./filters.ts";
import { isShownInAll } from "./filters.ts";
import { firstVisible, type StreamMetadata } from "./metadata.ts";

export const pageSize = 256;

/** Where a read or subscription begins; a number is a revision of the stream or a position of all streams. */
export type From = "start" | "end" | number;

export type ReadRange = { readonly from: From; readonly direction: Direction; readonly count: number };

type StreamState = "present" | "absent" | "tombstoned";

export type Reads = {
  /** To be awaited before a read begins, so that it meets no event that is written and not durable yet. */
  settled(): Promise<void> | undefined;
  /** A soft-deleted stream is absent; one that merely lost its events to truncation is present. */
  stateOf(stream: string): StreamState;
  /** The first revision of a stream that may be read, and its last one. */
  boundsOf(stream: string): { readonly first: number; readonly last: number };
  /** Pages of a stream's visible events. Events written after the read began are not part of it. */
  stream(stream: string, range: ReadRange): Generator<readonly RecordedEvent[]>;
  /** Pages of all events in commit order. Backwards, the position itself is excluded. */
  all(range: ReadRange, filter: EventFilter | undefined): Generator<readonly RecordedEvent[]>;
  /** Up to `limit` stored events of a stream after `revision`, without those that its metadata truncates. */
  streamAfter(stream: string, revision: number, limit?: number): readonly RecordedEvent[];
  /** Tells which events of the stream are young enough to be seen. */
  freshness(stream: string): (event: RecordedEvent) => boolean;
};

export function createReads(log: Log, metadata: StreamMetadata, now: () => number): Reads {
  const freshness = (stream: string) => {
    const { maxAgeMs } = metadata.retention(stream);
    return maxAgeMs === undefined ? () => true : (event: RecordedEvent) => event.createdMs >= now() - maxAgeMs;
  };

  const stateOf = (stream: string): StreamState => {
    if (metadata.isTombstoned(stream)) return "tombstoned";
    const isAbsent = log.head(stream).revision === noRevision || metadata.retention(stream).isSoftDeleted;
    return isAbsent ? "absent" : "present";
  };

  const boundsOf = (stream: string) => {
    const last = log.head(stream).revision;
    return { first: firstVisible(metadata.retention(stream), last), last };
  };

  function* stream(name: string, { from, direction, count }: ReadRange) {
    const { first, last } = boundsOf(name);
    const keep = freshness(name);
    const fetch = (next: number, limit: number) =>
      log.streamPage(name, next, direction, limit).filter((event) => event.revision >= first && event.revision <= last);
    const start =
      direction === "forwards" ? Math.max(first, startRevision(from, last)) : Math.min(last, startRevision(from, last));
    yield* pages({
      start,
      count,
      direction,
      fetch,
      keep: (page) => page.filter(keep),
      numberOf: (event) => event.revision,
    });
  }

  function* all({ from, direction, count }: ReadRange, filter: EventFilter | undefined) {
    const last = log.lastPosition;
    const fetch = (next: number, limit: number) =>
      log.allPage(next, direction, limit).filter((event) => event.position <= last);
    const keep = (page: readonly RecordedEvent[]) => {
      const shown = page.filter(isShownInAll);
      return filter === undefined ? shown : filter(shown);
    };
    const start = direction === "forwards" ? startPosition(from, last + 1) : startPosition(from, last + 1) - 1;
    yield* pages({ start, count, direction, fetch, keep, numberOf: (event) => event.position });
  }

  const streamAfter = (name: string, revision: number, limit = pageSize) => {
    return log.streamPage(name, Math.max(boundsOf(name).first, revision + 1), "forwards", limit);
  };

  return { settled: () => log.flushing, stateOf, boundsOf, stream, all, streamAfter, freshness };
}

const startRevision = (from: From, last: number): number => (from === "start" ? 0 : from === "end" ? last : from);

const startPosition = (from: From, end: number): number => (from === "start" ? 0 : from === "end" ? end : from);

type Paging = {
  readonly start: number;
  readonly count: number;
  readonly direction: Direction;
  readonly fetch: (next: number, limit: number) => readonly RecordedEvent[];
  readonly keep: (page: readonly RecordedEvent[]) => readonly RecordedEvent[];
  readonly numberOf: (event: RecordedEvent) => number;
};

function* pages({ start, count, direction, fetch, keep, numberOf }: Paging): Generator<readonly RecordedEvent[]> {
  let next = start;
  let remaining = count;
  while (remaining > 0) {
    const page = fetch(next, Math.min(pageSize, Math.max(remaining, 32)));
    const last = page.at(-1);
    if (last === undefined) return;
    const kept = keep(page).slice(0, remaining);
    remaining -= kept.length;
    next = numberOf(last) + (direction === "forwards" ? 1 : -1);
    yield kept;
  }
}
