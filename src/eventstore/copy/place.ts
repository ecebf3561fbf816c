import type { CopiedEvent } from "./copiedEvent.ts";

/** How far a reading is, in whatever its place counts: positions or bytes. */
export type Reading = { done: number; total: number };

/** Where a whole store's events can be read from, in the order of its `$all`. */
export type Place = {
  /** For people; without credentials. */
  name: string;
  events(onReading?: (reading: Reading) => void): AsyncIterable<CopiedEvent>;
};

/** Something about the events or the places, for whoever started the copy: no bug, and no stack is of use. */
export class CopyRefused extends Error {
  override readonly name = "CopyRefused";
}
