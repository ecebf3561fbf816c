import { tombstoneRevision } from "../event.ts";
import type { From } from "../streams/reads.ts";
import { allStreams } from "./groupConfig.ts";

/** A place in a source as text: of all streams it is named twice, as commit and as prepare position. */
export const placeText = (source: string, sequence: number | bigint): string =>
  source === allStreams ? `C:${sequence}/P:${sequence}` : String(sequence);

/** Undefined when the text is no place in that source. */
export function placeFromText(source: string, text: string): number | undefined {
  const shape = source === allStreams ? /^C:(\d+)\/P:\d+$/ : /^(\d+)$/;
  const place = Number(shape.exec(text)?.[1] ?? Number.NaN);
  return Number.isSafeInteger(place) ? place : undefined;
}

const numberOf = (from: From): number => (from === "start" ? 0 : from === "end" ? -1 : from);

export const startText = (source: string, from: From): string => placeText(source, numberOf(from));

const greatestInt64 = 9_223_372_036_854_775_807n;

/** Where the newest event of a source is; empty when there is none. */
export const newestText = (source: string, sequence: number): string =>
  sequence < 0 ? "" : placeText(source, sequence === tombstoneRevision ? greatestInt64 : sequence);
