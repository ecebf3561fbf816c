import { LRUCache } from "lru-cache";
import { noRevision } from "../event.ts";
import type { Statements } from "./statements.ts";

const headsMax = 50_000;

/** The last revision of a stream; the tombstone's when it is tombstoned, -1 when it has no event. */
export type StreamHead = { readonly id: number | undefined; readonly revision: number };

type Heads = {
  of(stream: string): StreamHead;
  set(stream: string, head: StreamHead): void;
  clear(): void;
};

/** The ends of the streams that were in use last. */
export function createHeads(statements: Statements): Heads {
  const known = new LRUCache<string, StreamHead>({ max: headsMax });
  return {
    of(stream) {
      const cached = known.get(stream);
      if (cached !== undefined) return cached;
      const found = findHead(statements, stream);
      known.set(stream, found);
      return found;
    },
    set: (stream, head) => known.set(stream, head),
    clear: () => known.clear(),
  };
}

function findHead(statements: Statements, stream: string): StreamHead {
  const id = statements.streamId.get(stream)?.["id"];
  if (typeof id !== "number") return { id: undefined, revision: noRevision };
  const revision = statements.streamRevision.get(id)?.["revision"];
  return { id, revision: typeof revision === "number" ? revision : noRevision };
}
