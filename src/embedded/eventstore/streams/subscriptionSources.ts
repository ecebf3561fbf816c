import type { RecordedEvent } from "../event.ts";
import type { Log } from "../storage/log.ts";
import { createFilter, type FilterRequest, isShownInAll } from "./filters.ts";
import { pageSize, type Reads } from "./reads.ts";

/** What a subscription looks through. */
export type Source = {
  /** The stream whose commits wake the subscription; undefined for all. */
  readonly listensTo: string | undefined;
  /** The next events from disk; none at the end. */
  history(position: number): readonly RecordedEvent[];
  /** Those of `events` that the subscriber asked for. */
  select(events: readonly RecordedEvent[]): readonly RecordedEvent[];
  /** After how many events, asked for or not, the subscriber is told how far it has come. */
  readonly checkpointInterval: number;
};

/** A stream's events after a revision, which may still lie ahead. */
export function streamSource(reads: Reads, stream: string, after: number): Source {
  const isFresh = reads.freshness(stream);
  let revision = after;
  return {
    listensTo: stream,
    checkpointInterval: Number.POSITIVE_INFINITY,
    history: () => reads.streamAfter(stream, revision),
    select: (events) => {
      const next = events.filter((event) => event.stream === stream && event.revision > revision);
      revision = next.at(-1)?.revision ?? revision;
      return next.filter(isFresh);
    },
  };
}

/** All events after a position, which may still lie ahead. */
export function allSource(log: Log, filter: FilterRequest | undefined, after: number): Source {
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
}
