import { type RecordedEvent, tombstoneRevision } from "../event.ts";
import type { Log } from "../storage/log.ts";
import { createFilter, isShownInAll } from "../streams/filters.ts";
import { pageSize, type Reads } from "../streams/reads.ts";
import type { Tail } from "../streams/tail.ts";
import { type GroupConfig, isOfAll } from "./groupConfig.ts";
import type { GroupServices } from "./groupServices.ts";

/** What a group reads, from where it stands. */
type GroupSource = {
  /** The stream whose commits may bring something new; undefined for all. */
  readonly listensTo: string | undefined;
  /** Where an event stands in the source. */
  sequenceOf(event: RecordedEvent): number;
  /** The next events and which of them the group wants, at most `wantedMax`; undefined at the end. */
  next(
    wantedMax: number,
  ): { readonly events: readonly RecordedEvent[]; isWanted(event: RecordedEvent): boolean } | undefined;
  /** How many places lie between what was read and the newest event. */
  readonly behind: number;
  /** Where the newest event stands that the group knows of; negative when it knows none. */
  readonly newest: number;
};

export function createGroupSource(
  config: GroupConfig,
  after: number,
  { log, reads, tail }: Pick<GroupServices, "log" | "reads" | "tail">,
): GroupSource {
  return isOfAll(config) ? allSource(config, after, log, tail) : streamSource(config.source, after, log, reads);
}

function streamSource(stream: string, after: number, log: Log, reads: Reads): GroupSource {
  let revision = after;
  const newest = () => log.head(stream).revision;
  return {
    listensTo: stream,
    sequenceOf: (event) => event.revision,
    next(wantedMax) {
      // The end of a tombstoned stream is no event of it that somebody could handle.
      const events = reads
        .streamAfter(stream, revision, wantedMax)
        .filter((event) => event.revision !== tombstoneRevision);
      const last = events.at(-1);
      if (last === undefined) return undefined;
      revision = last.revision;
      return { events, isWanted: reads.freshness(stream) };
    },
    get behind() {
      return newest() === tombstoneRevision ? 0 : Math.max(0, newest() - revision);
    },
    get newest() {
      return newest();
    },
  };
}

function allSource({ filter }: GroupConfig, after: number, log: Log, tail: Tail): GroupSource {
  let position = after;
  let newest = -1;
  const keep = filter === undefined ? undefined : createFilter(filter);
  return {
    listensTo: undefined,
    sequenceOf: (event) => event.position,
    next(wantedMax) {
      const limit = keep === undefined ? wantedMax : pageSize;
      const page = tail.after(position, limit) ?? log.allPage(position + 1, "forwards", limit);
      const last = page.at(-1);
      if (last === undefined) return undefined;
      const shown = page.filter(isShownInAll);
      const wanted = keep === undefined ? shown : keep(shown);
      const surplus = wanted[wantedMax];
      const events = surplus === undefined ? shown : shown.filter((event) => event.position < surplus.position);
      position = surplus === undefined ? last.position : surplus.position - 1;
      newest = wanted.slice(0, wantedMax).at(-1)?.position ?? newest;
      const wantedEvents = new Set(wanted);
      return { events, isWanted: (event) => wantedEvents.has(event) };
    },
    get behind() {
      return Math.max(0, log.lastPosition - position);
    },
    get newest() {
      return newest;
    },
  };
}
