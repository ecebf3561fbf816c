import { type Appender, sizeOf } from "./appender.ts";
import type { Present } from "./comparison.ts";
import { type CopiedEvent, isMetastream, isSoftDeletion, isTombstone, metastreamOf } from "./copiedEvent.ts";
import { CopyRefused } from "./place.ts";

type Run = [CopiedEvent, ...CopiedEvent[]];

/** Below what servers accept in one append (1 MiB), unless one event alone is larger. */
const runBytesMax = 512 << 10;
const runEventsMax = 500;

/**
 * Writes what `present` says is not there yet, in order.
 *
 * A soft deletion waits until its stream's metadata goes on, or for the end. A server that is written to while a stream
 * is deleted adds metadata of its own, which would take the revision of what the source's server had added there. So
 * nowhere in the target is a stream deleted while anything follows for it; what follows goes with the deletion in one
 * append.
 */
export const importEvents = async (
  events: AsyncIterable<CopiedEvent>,
  present: Present,
  appender: Appender,
): Promise<void> => {
  const runs = runsTo(appender);
  const deletions = new Map<string, Run>();
  const missing = missingFrom(present);

  for await (const event of events) {
    if (!missing(event)) continue;
    const { stream } = event;
    refuseRevival(event, present);
    if (isTombstone(event)) {
      await runs.atomically(deletions.get(metastreamOf(stream)));
      deletions.delete(metastreamOf(stream));
      await appender.tombstone(stream);
    } else if (isMetastream(stream)) {
      const held = deletions.get(stream);
      const run: Run = held ? [...held, event] : [event];
      if (isSoftDeletion(event)) deletions.set(stream, run);
      else {
        deletions.delete(stream);
        await runs.atomically(run);
      }
    } else await runs.add(event);
  }
  for (const run of deletions.values()) await runs.atomically(run);
  await runs.end();
};

const missingFrom = ({ events, metadata }: Present): ((event: CopiedEvent) => boolean) => {
  let seen = 0;
  return ({ stream, revision }) => {
    if (isMetastream(stream)) return revision > (metadata.get(stream)?.revision ?? -1n);
    seen += 1;
    return seen > events;
  };
};

/** An earlier copy has ended with this stream deleted, and has let the deletion go without what came after it. */
const refuseRevival = (event: CopiedEvent, { metadata }: Present): void => {
  const { stream } = event;
  if (isTombstone(event) || !metadata.get(isMetastream(stream) ? stream : metastreamOf(stream))?.isDeletion) return;
  throw new CopyRefused(
    `${stream} was deleted when an earlier copy into this target ended, and goes on since then. ` +
      "Its revisions could not be kept: copy into an empty store.",
  );
};

/** Puts events of one stream that follow each other into one append. */
const runsTo = (appender: Appender) => {
  let run: Run | undefined;
  let bytes = 0;
  const flush = async (): Promise<void> => {
    const full = run;
    run = undefined;
    bytes = 0;
    if (full) await appender.append(full);
  };
  return {
    async add(event: CopiedEvent): Promise<void> {
      const size = sizeOf(event);
      const fits = run?.[0].stream === event.stream && run.length < runEventsMax && bytes + size <= runBytesMax;
      if (run && fits) run.push(event);
      else {
        await flush();
        run = [event];
      }
      bytes += size;
    },
    /** After all that was added, and all of it or nothing. */
    async atomically(whole: Run | undefined): Promise<void> {
      await flush();
      if (whole) await appender.append(whole);
    },
    async end(): Promise<void> {
      await flush();
      await appender.settle();
    },
  };
};
