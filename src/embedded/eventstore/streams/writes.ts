import { randomUUID } from "node:crypto";
import {
  describedStream,
  type ExpectedRevision,
  isMetastream,
  metastreamOf,
  noRevision,
  type ProposedEvent,
  tombstoneRevision,
  tombstoneType,
} from "../event.ts";
import type { CommittedIds } from "../storage/committedIds.ts";
import type { Log, WrittenEvents } from "../storage/log.ts";
import { type Decision, decide, type StreamView } from "./expectedRevision.ts";
import { type StreamMetadata, softDeletion } from "./metadata.ts";

export type WriteRequest =
  | {
      readonly kind: "append";
      readonly stream: string;
      readonly expected: ExpectedRevision;
      readonly events: readonly ProposedEvent[];
    }
  | { readonly kind: "delete" | "tombstone"; readonly stream: string; readonly expected: ExpectedRevision };

/** `position` is absent when an append of no events wrote nothing. */
export type WriteOutcome =
  | { readonly kind: "written"; readonly revision: number; readonly position: number | undefined }
  | Exclude<Decision, { kind: "write" | "repeated" }>;

/** Decides one request on what the log holds at that moment and writes what follows; only inside a transaction. */
type Apply = (request: WriteRequest) => WriteOutcome;

export function createWrites(log: Log, metadata: StreamMetadata, committedIds: CommittedIds): Apply {
  const write = (stream: string, revision: number, events: readonly ProposedEvent[]): WrittenEvents => {
    const last = log.write(stream, revision, events);
    const first = last.position - events.length + 1;
    for (const [index, { id }] of events.entries()) committedIds.add(id, first + index);
    return last;
  };

  const append = (stream: string, events: readonly ProposedEvent[], view: StreamView): WriteOutcome => {
    if (events.length === 0) return { kind: "written", revision: view.revision, position: undefined };
    const described = isMetastream(stream) ? describedStream(stream) : undefined;
    const revives = described !== undefined && metadata.retention(described).isSoftDeleted;
    const { revision, position } = write(stream, view.revision + 1, events);
    if (view.isSoftDeleted) truncateBefore(stream, view.revision + 1);
    if (revives) truncateBefore(described, log.head(described).revision + 1);
    return { kind: "written", revision, position };
  };

  // A soft-deleted stream that is written to again shows only what was written since.
  const truncateBefore = (stream: string, revision: number): void => {
    const metastream = metastreamOf(stream);
    write(metastream, log.head(metastream).revision + 1, [metadata.truncatedBefore(stream, revision)]);
  };

  const softDelete = (stream: string, view: StreamView): WriteOutcome => {
    if (view.revision === noRevision && !view.hasMetadata) {
      return { kind: "wrongExpectedRevision", current: noRevision };
    }
    const metastream = metastreamOf(stream);
    const { position } = write(metastream, log.head(metastream).revision + 1, [softDeletion()]);
    return { kind: "written", revision: view.revision, position };
  };

  const tombstone = (stream: string): WriteOutcome => {
    const nothing = new Uint8Array();
    const end = { id: randomUUID(), type: tombstoneType, isJson: false, data: nothing, metadata: nothing };
    return { kind: "written", ...write(stream, tombstoneRevision, [end]) };
  };

  return (request) => {
    const { stream, expected } = request;
    const view = viewOf(log, metadata, committedIds, stream);
    const ids = request.kind === "append" ? request.events.map((event) => event.id) : [randomUUID()];
    const decision = decide(view, expected, ids);
    if (decision.kind === "repeated") return { ...decision, kind: "written" };
    if (decision.kind !== "write") return decision;
    if (request.kind === "append") return append(stream, request.events, view);
    return request.kind === "delete" ? softDelete(stream, view) : tombstone(stream);
  };
}

function viewOf(log: Log, metadata: StreamMetadata, committedIds: CommittedIds, stream: string): StreamView {
  const head = log.head(stream);
  return {
    revision: head.revision,
    isTombstoned: metadata.isTombstoned(stream),
    isSoftDeleted: metadata.retention(stream).isSoftDeleted,
    hasMetadata: metadata.hasMetadata(stream),
    committed: (id) => {
      const found = committedIds.find(id);
      return found !== undefined && found.stream === head.id ? found : undefined;
    },
    storedAt: (revision) => log.eventAt(stream, revision),
  };
}
