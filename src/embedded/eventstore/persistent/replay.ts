import { metastreamOf, type RecordedEvent } from "../event.ts";
import type { Log } from "../storage/log.ts";
import { firstVisible } from "../streams/metadata.ts";
import type { GroupName } from "./groupConfig.ts";
import type { GroupServices } from "./groupServices.ts";
import type { Mark } from "./lowWaterMark.ts";
import { appendTo, metadataEvent, parkedStream } from "./systemEvents.ts";

/** In the parked stream's metadata: the first replayed message that is not known to be handled. */
const unfinishedKey = "replayedFrom";

export type Replay = {
  /** How many parked messages wait to be asked for. */
  readonly parked: number;
  /** How many are to be delivered again and were not read yet. */
  readonly left: number;
  /** Has what was parked so far, or up to `stopAt` excluded, delivered again. Resolves when that is durable. */
  begin(stopAt: number | undefined): Promise<void>;
  next(limit: number): readonly RecordedEvent[];
  /** Remembers how much of it is handled; undefined when everything that was read is. */
  saveProgress(mark: Mark | undefined): void;
  /** Has nothing written from now on: the streams may belong to a successor. */
  stop(): void;
  /** Whether there is progress that was not saved. */
  isPending(mark: Mark | undefined): boolean;
};

/**
 * The parked messages of one group. Those that are replayed count as parked no longer, but until they are handled the
 * stream's metadata says where they begin: a store that is killed meanwhile goes on replaying from there.
 */
export function createReplay(name: GroupName, { log, metadata, writer, onFailure }: GroupServices): Replay {
  const stream = parkedStream(name);
  const metastream = metastreamOf(stream);
  const saved = latestMetadata(log, metastream);
  const truncatedBefore = integerOr(saved["$tb"], 0);
  let end = metadata.retention(stream).isSoftDeleted ? 0 : truncatedBefore;
  let next = Math.min(end, integerOr(saved[unfinishedKey], end));
  let savedFrom = next;
  let saving: Promise<unknown> = Promise.resolve();
  let isStopped = false;

  const firstParked = () => firstVisible(metadata.retention(stream), log.head(stream).revision);
  const firstUnfinished = (mark: Mark | undefined) => (mark === undefined ? next : mark.sequence + 1);

  const save = async (from: number, to: number): Promise<void> => {
    const { [unfinishedKey]: _, ...kept } = latestMetadata(log, metastream);
    const unfinished = from < to ? { [unfinishedKey]: from } : {};
    await appendTo(writer, metastream, metadataEvent({ ...kept, $tb: to, ...unfinished }));
    savedFrom = from;
  };

  // One after the other, so that the newest always has the last word.
  const saveInTurn = (work: () => Promise<void>): Promise<void> => {
    const done = saving.then(() => (isStopped ? undefined : work()));
    saving = done.catch(() => {});
    return done;
  };

  return {
    get parked() {
      return Math.max(0, log.head(stream).revision - firstParked() + 1);
    },
    get left() {
      return end - next;
    },
    begin: (stopAt = Number.POSITIVE_INFINITY) =>
      saveInTurn(async () => {
        const to = Math.min(stopAt, log.head(stream).revision + 1);
        if (to <= firstParked()) return;
        const from = savedFrom < end ? savedFrom : Math.max(next, firstParked());
        await save(from, to);
        if (next === end) next = Math.max(next, from);
        end = to;
      }),
    next(limit) {
      const events = log
        .streamPage(stream, next, "forwards", Math.min(limit, end - next))
        .filter(({ revision }) => revision < end);
      const last = events.at(-1);
      next = last === undefined ? end : last.revision + 1;
      return events;
    },
    saveProgress(mark) {
      const from = firstUnfinished(mark);
      if (from === savedFrom) return;
      saveInTurn(() => save(from, end)).catch(onFailure);
    },
    stop: () => {
      isStopped = true;
    },
    isPending: (mark) => firstUnfinished(mark) !== savedFrom,
  };
}

function latestMetadata(log: Log, metastream: string): Readonly<Record<string, unknown>> {
  const event = log.eventAt(metastream, log.head(metastream).revision);
  if (event === undefined) return {};
  try {
    const value: unknown = JSON.parse(Buffer.from(event.data).toString());
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

const integerOr = (value: unknown, otherwise: number): number =>
  typeof value === "number" && Number.isSafeInteger(value) ? value : otherwise;
