import { type ExpectedRevision, noRevision } from "../event.ts";

/** What an append's decision depends on, as it stands at the moment of writing. */
export type StreamView = {
  readonly revision: number;
  readonly isTombstoned: boolean;
  readonly isSoftDeleted: boolean;
  readonly hasMetadata: boolean;
  /** Where an event of this stream with that id was recently written. */
  committed(id: string): Written | undefined;
  /** What is stored at `revision` of this stream. */
  storedAt(revision: number): (Written & { readonly id: string }) | undefined;
};

type Written = { readonly revision: number; readonly position: number };

export type Decision =
  | { readonly kind: "write" }
  | { readonly kind: "repeated"; readonly revision: number; readonly position: number }
  | { readonly kind: "wrongExpectedRevision"; readonly current: number }
  | { readonly kind: "streamDeleted" };

/** Whether events with these ids may be written, were written before, or contradict what the caller expects. */
export function decide(view: StreamView, expected: ExpectedRevision, ids: readonly string[]): Decision {
  if (view.isTombstoned) return { kind: "streamDeleted" };
  if (expected === "stream_exists") {
    if (view.isSoftDeleted) return { kind: "streamDeleted" };
    if (view.revision === noRevision && !view.hasMetadata) return wrong(view);
  }
  if (expected === "any" || expected === "stream_exists") return decideById(view, ids);
  const revision = expected === "no_stream" ? noRevision : expected;
  if (revision === view.revision) return { kind: "write" };
  if (revision > view.revision) return wrong(view);
  return decideByPlace(view, expected === "no_stream", revision + 1, ids);
}

// Only the first id says whether the append is new; looking at the others would refuse what the protocol accepts.
function decideById(view: StreamView, ids: readonly string[]): Decision {
  let last: Written | undefined;
  for (const [index, id] of ids.entries()) {
    const found = view.committed(id);
    if (found === undefined) return index === 0 ? { kind: "write" } : wrong(view);
    last = found;
  }
  return last === undefined ? { kind: "write" } : { kind: "repeated", ...last };
}

function decideByPlace(view: StreamView, expectsNoStream: boolean, from: number, ids: readonly string[]): Decision {
  let last: Written | undefined;
  for (const [index, id] of ids.entries()) {
    const stored = view.storedAt(from + index);
    if (stored?.id !== id) {
      const isRecreation = index === 0 && expectsNoStream && view.isSoftDeleted;
      return isRecreation ? { kind: "write" } : wrong(view);
    }
    last = { revision: stored.revision, position: stored.position };
  }
  return last === undefined ? wrong(view) : { kind: "repeated", ...last };
}

const wrong = (view: StreamView): Decision => ({ kind: "wrongExpectedRevision", current: view.revision });
