import { type CopiedEvent, describedStream, isSoftDeletion } from "./copiedEvent.ts";
import { unlike } from "./unlike.ts";

/** The last revision of each metastream of a target, and whether it hides its stream. */
export type PresentMetadata = Map<string, { revision: bigint; isDeletion: boolean }>;

/** Metadata events of one stream that one side has shown and the other has not. */
type Unbalanced = { of: Side; events: CopiedEvent[] };
type Side = "source" | "target";

/**
 * Compares the metadata of streams, stream by stream: where an event that describes a stream stands among all others
 * may differ between a store and its copy. What is held here is what one side is ahead of the other.
 */
export const metadataScales = () => {
  const unbalanced = new Map<string, Unbalanced>();
  const present: PresentMetadata = new Map();
  let isTargetOver = false;
  let missing: CopiedEvent | undefined;
  let difference: string | undefined;

  const weigh = (side: Side, event: CopiedEvent): void => {
    const waiting = unbalanced.get(event.stream);
    if (waiting && waiting.of !== side) {
      const other = waiting.events.shift();
      if (waiting.events.length === 0) unbalanced.delete(event.stream);
      if (other && unlike(event, other) !== undefined)
        difference ??= `the metadata of ${describedStream(event.stream)} is not the same at revision ${event.revision}`;
    } else if (isTargetOver) missing ??= event;
    else if (waiting) waiting.events.push(event);
    else unbalanced.set(event.stream, { of: side, events: [event] });
  };
  const leftOf = (side: Side): CopiedEvent | undefined =>
    unbalanced
      .values()
      .find(({ of }) => of === side)
      ?.events.at(0);

  return {
    present,
    source: (event: CopiedEvent) => weigh("source", event),
    target(event: CopiedEvent) {
      weigh("target", event);
      present.set(event.stream, { revision: event.revision, isDeletion: isSoftDeletion(event) });
    },
    /** From here on what the source shows beyond the target is missing there, and need not be held. */
    targetIsOver() {
      isTargetOver = true;
    },
    difference: () => difference,
    missing: () => leftOf("source") ?? missing,
    extra: () => leftOf("target"),
  };
};
