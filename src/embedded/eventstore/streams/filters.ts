import type { RecordedEvent } from "../event.ts";
import { boundedRegex } from "./boundedRegex.ts";

export type FilterRequest = {
  readonly on: "stream" | "type";
  readonly regex: string;
  readonly prefixes: readonly string[];
  /** How many events are examined between two checkpoints. */
  readonly checkpointInterval: number;
};

/** Keeps the events of a page that a caller asked for. */
export type EventFilter = (page: readonly RecordedEvent[]) => readonly RecordedEvent[];

export function createFilter(request: FilterRequest): EventFilter {
  const subjectOf = (event: RecordedEvent) => (request.on === "stream" ? event.stream : event.type);
  if (request.regex === "") {
    return (page) => page.filter((event) => request.prefixes.some((prefix) => subjectOf(event).startsWith(prefix)));
  }
  const regex = boundedRegex(request.regex);
  return (page) => {
    const matches = regex(page.map(subjectOf));
    return page.filter((_, index) => matches[index]);
  };
}

const hidden = /^\$epoch-information$|^\$persistentsubscription-\$all::.*-(?:checkpoint|parked)$/;

/** What `$all` never shows: the store's own bookkeeping about `$all`. */
export const isShownInAll = (event: RecordedEvent): boolean =>
  !event.stream.startsWith("$") || !hidden.test(event.stream);
