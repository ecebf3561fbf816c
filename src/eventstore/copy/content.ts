import { createHash } from "node:crypto";
import { type CopiedEvent, describedStream, isMetastream, isTombstone, nameOf } from "./copiedEvent.ts";
import { CopyRefused } from "./place.ts";

/** What a number of events amounts to, the same for two stores that hold the same. */
export type Content = {
  events: number;
  /** That users wrote to: what describes a stream is not counted as one. */
  streams: number;
  /** Hex. */
  sha256: string;
};

/**
 * Adds events up as they come. The hash runs over everything but what each server makes by itself (when an event was
 * written, where it stands, a tombstone's id). The metadata of streams counts wherever it stands between the events:
 * a copy cannot always keep its place there.
 */
export const contentOf = (): { add(event: CopiedEvent): void; content(): Content } => {
  const rolling = createHash("sha256");
  let sum = 0n;
  let events = 0;
  let streams = 0;
  return {
    add(event) {
      events += 1;
      if (isMetastream(event.stream)) {
        const hash = createHash("sha256");
        digest(event, (part) => hash.update(part));
        sum = BigInt.asUintN(256, sum + BigInt(`0x${hash.digest("hex")}`));
      } else {
        if (event.revision === 0n) streams += 1;
        digest(event, (part) => rolling.update(part));
      }
    },
    content: () => ({
      events,
      streams,
      sha256: rolling.copy().update(sum.toString(16).padStart(64, "0")).digest("hex"),
    }),
  };
};

/** Every part is preceded by its length: no two events say the same. */
const digest = (event: CopiedEvent, update: (part: string | Uint8Array) => void): void => {
  const { stream, revision, type, isJson } = event;
  const id = isTombstone(event) ? "" : event.id;
  const { data, metadata } = event;
  update(JSON.stringify([stream, revision.toString(), id, type, isJson, data.byteLength, metadata.byteLength]));
  update(data);
  update(metadata);
};

/**
 * Refuses a stream that does not begin with revision 0, or of which one is left out: what a scavenge has taken away
 * cannot be appended elsewhere, and what comes after it would get other revisions. Memory grows with the number of
 * streams, by about a tenth of a kilobyte each.
 */
export const gaplessness = (): ((event: CopiedEvent) => void) => {
  const next = new Map<string, bigint>();
  return (event) => {
    if (isTombstone(event)) return;
    const expected = next.get(event.stream) ?? 0n;
    if (event.revision !== expected) throw new CopyRefused(gap(event, expected));
    next.set(event.stream, expected + 1n);
  };
};

const gap = (event: CopiedEvent, expected: bigint): string => {
  const { stream } = event;
  const whose = isMetastream(stream) ? `the metadata of ${describedStream(stream)}` : stream;
  return (
    `Of ${whose} revision ${expected} is not there any more, only ${nameOf(event)} and what follows: ` +
    "it was truncated and scavenged. A copy could not keep its revisions, so nothing was written to the target."
  );
};
