import { type CopiedEvent, isTombstone } from "./copiedEvent.ts";

/** What two events differ in, in words; undefined when one is the copy of the other. */
export const unlike = (a: CopiedEvent, b: CopiedEvent): string | undefined => {
  if (a.stream !== b.stream || a.revision !== b.revision) return "place";
  if (isTombstone(a)) return undefined;
  if (a.id !== b.id) return "id";
  if (a.type !== b.type || a.isJson !== b.isJson) return "type";
  if (Buffer.compare(a.data, b.data) !== 0) return "data";
  return Buffer.compare(a.metadata, b.metadata) === 0 ? undefined : "metadata";
};
