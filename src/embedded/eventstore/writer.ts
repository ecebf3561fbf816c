import { randomUUID } from "node:crypto";
import { createCommittedIds } from "./committedIds.ts";
import {
  describedStream,
  type ExpectedRevision,
  isMetastream,
  metastreamOf,
  noRevision,
  type ProposedEvent,
  type RecordedEvent,
  tombstoneRevision,
  tombstoneType,
} from "./event.ts";
import { type Decision, decide, type StreamView } from "./expectedRevision.ts";
import type { Log } from "./log.ts";
import { type StreamMetadata, softDeletion } from "./metadata.ts";

const groupMax = 1_000;

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

export type Writer = {
  /** Resolves once the outcome is durable. Rejects when the database refused the write; then nothing was written. */
  write(request: WriteRequest): Promise<WriteOutcome>;
  /** Resolves when everything submitted so far is decided. */
  settled(): Promise<void>;
};

type Waiting = {
  readonly request: WriteRequest;
  readonly resolve: (outcome: WriteOutcome) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Decides all writes, one after the other. Those that wait at the same time share one commit; each is answered, and
 * its events are handed to `publish`, only after that commit.
 */
export function createWriter(
  log: Log,
  metadata: StreamMetadata,
  publish: (events: readonly RecordedEvent[]) => void,
): Writer {
  const committedIds = createCommittedIds(log);
  const waiting: Waiting[] = [];
  let onSettled: (() => void)[] = [];

  const commit = (group: readonly Waiting[]) => {
    const decided: (() => void)[] = [];
    const written = log.transaction(() => {
      for (const { request, resolve } of group) {
        const outcome = apply(request);
        decided.push(() => resolve(outcome));
      }
    });
    publish(written);
    for (const answer of decided) answer();
  };

  // A write that the database refuses takes its whole group down; repeated alone, it takes down only itself.
  const commitOrSplit = (group: readonly Waiting[]) => {
    try {
      commit(group);
    } catch (error) {
      committedIds.reload();
      if (group.length === 1) group[0]?.reject(error);
      else for (const one of group) commitOrSplit([one]);
    }
  };

  const flush = () => {
    const group = waiting.splice(0, groupMax);
    commitOrSplit(group);
    if (waiting.length > 0) {
      setImmediate(flush);
      return;
    }
    for (const resolve of onSettled) resolve();
    onSettled = [];
  };

  const apply = (request: WriteRequest): WriteOutcome => {
    const view = viewOf(request.stream);
    const ids = request.kind === "append" ? request.events.map((event) => event.id) : [randomUUID()];
    const decision = decide(view, request.expected, ids);
    if (decision.kind === "repeated") return { ...decision, kind: "written" };
    if (decision.kind !== "write") return decision;
    if (request.kind === "append") return append(request.stream, request.events, view);
    return request.kind === "delete" ? softDelete(request.stream, view) : tombstone(request.stream);
  };

  const viewOf = (stream: string): StreamView => {
    const head = log.head(stream);
    return {
      revision: head.revision,
      isTombstoned: metadata.isTombstoned(stream),
      isSoftDeleted: metadata.retention(stream).isSoftDeleted,
      hasMetadata: metadata.hasMetadata(stream),
      committed: (id) => {
        const found = committedIds.find(id);
        return found?.stream === head.id ? found : undefined;
      },
      storedAt: (revision) => log.eventAt(stream, revision),
    };
  };

  const write = (stream: string, revision: number, event: ProposedEvent): RecordedEvent => {
    const recorded = log.write(stream, revision, event);
    const { id } = log.head(stream);
    if (id !== undefined) committedIds.add(event.id, { stream: id, revision, position: recorded.position });
    return recorded;
  };

  const append = (stream: string, events: readonly ProposedEvent[], view: StreamView): WriteOutcome => {
    let revision = view.revision;
    let position: number | undefined;
    const wasDeleted = isMetastream(stream) && metadata.retention(describedStream(stream)).isSoftDeleted;
    for (const event of events) {
      revision += 1;
      position = write(stream, revision, event).position;
    }
    if (position !== undefined && view.isSoftDeleted) truncateBefore(stream, view.revision + 1);
    if (position !== undefined && wasDeleted) recreate(describedStream(stream));
    return { kind: "written", revision, position };
  };

  const truncateBefore = (stream: string, revision: number): void => {
    const metastream = metastreamOf(stream);
    write(metastream, log.head(metastream).revision + 1, metadata.truncatedBefore(stream, revision));
  };

  const recreate = (stream: string): void => truncateBefore(stream, log.head(stream).revision + 1);

  const softDelete = (stream: string, view: StreamView): WriteOutcome => {
    if (view.revision === noRevision && !view.hasMetadata)
      return { kind: "wrongExpectedRevision", current: noRevision };
    const metastream = metastreamOf(stream);
    const { position } = write(metastream, log.head(metastream).revision + 1, softDeletion());
    return { kind: "written", revision: view.revision, position };
  };

  const tombstone = (stream: string): WriteOutcome => {
    const end = {
      id: randomUUID(),
      type: tombstoneType,
      isJson: false,
      data: new Uint8Array(),
      metadata: new Uint8Array(),
    };
    const { position } = write(stream, tombstoneRevision, end);
    return { kind: "written", revision: tombstoneRevision, position };
  };

  return {
    write: (request) =>
      new Promise((resolve, reject) => {
        if (waiting.push({ request, resolve, reject }) === 1) setImmediate(flush);
      }),
    settled: () => (waiting.length === 0 ? Promise.resolve() : new Promise((resolve) => onSettled.push(resolve))),
  };
}
