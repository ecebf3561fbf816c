import { setImmediate as nextTurn } from "node:timers/promises";
import type { RecordedEvent } from "../event.ts";
import { isOfTheDisk } from "../failures.ts";
import { createCommittedIds } from "../storage/committedIds.ts";
import type { Log } from "../storage/log.ts";
import type { StreamMetadata } from "./metadata.ts";
import { createWrites, type WriteOutcome, type WriteRequest } from "./writes.ts";

/**
 * Small enough that while one group is flushed the callers of the one before are answered and send again; with all
 * that wait in one group, server and callers would take turns.
 */
const groupMax = 32;
/** After so many groups of one, during which nothing else came, the caller is taken to be alone. */
const singlesMin = 3;

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

type Committed = { readonly written: readonly RecordedEvent[]; readonly answers: readonly (() => void)[] };

/**
 * Decides all writes, one after the other. Those that wait at the same time share one commit; each is answered, and
 * its events are handed to `publish`, only when that commit is on the disk. `onFailure` is told when it does not get
 * there, whoever may still wait for an answer.
 */
export function createWriter(
  log: Log,
  metadata: StreamMetadata,
  publish: (events: readonly RecordedEvent[]) => void,
  onFailure: (error: unknown) => void,
): Writer {
  const commit = createCommitter(log, metadata);
  const waiting: Waiting[] = [];
  const onSettled: (() => void)[] = [];
  let isDeciding = false;
  let singles = 0;

  const decideGroup = async (isAlone: boolean): Promise<readonly Committed[]> => {
    const group = waiting.splice(0, groupMax);
    const committed = commit(group);
    try {
      // During a flush the requests of others come in, and make up the next group; a caller who is alone is not kept
      // waiting for the way to another thread and back.
      if (isAlone) log.flushNow();
      else await log.flush();
    } catch (error) {
      onFailure(error);
      for (const { reject } of [...group, ...waiting.splice(0)]) reject(error);
      return [];
    }
    for (const { answers } of committed) for (const answer of answers) answer();
    return committed;
  };

  const decideAll = async (): Promise<void> => {
    let committed: readonly Committed[] = [];
    for (let isFirst = true; ; isFirst = false) {
      // What arrived in the same turn of the event loop goes together.
      const turn = nextTurn();
      for (const { written } of committed) publish(written);
      await turn;
      if (waiting.length === 0) break;
      // What is here so soon after a flush came during it: somebody does not wait for one answer to send the next.
      singles = isFirst && waiting.length === 1 ? singles + 1 : 0;
      committed = await decideGroup(singles >= singlesMin);
    }
    isDeciding = false;
    for (const resolve of onSettled.splice(0)) resolve();
  };

  return {
    write: (request) =>
      new Promise((resolve, reject) => {
        waiting.push({ request, resolve, reject });
        if (isDeciding) return;
        isDeciding = true;
        void decideAll();
      }),
    settled: () => (isDeciding ? new Promise((resolve) => onSettled.push(resolve)) : Promise.resolve()),
  };
}

/** Writes what a group asks for and says what is to be told once it is durable; what cannot be written is rejected. */
function createCommitter(log: Log, metadata: StreamMetadata): (group: readonly Waiting[]) => readonly Committed[] {
  const committedIds = createCommittedIds(log);
  const apply = createWrites(log, metadata, committedIds);

  // Throws before anything is kept or answered.
  const commit = (group: readonly Waiting[]): Committed => {
    const answers: (() => void)[] = [];
    const written = log.transaction(() => {
      for (const { request, resolve } of group) {
        const outcome = apply(request);
        answers.push(() => resolve(outcome));
      }
    });
    return { written, answers };
  };

  // A write that the database refuses takes its whole group down; repeated alone, it takes down only itself. What the
  // disk refuses it refuses to each of them.
  const commitOrSplit = (group: readonly Waiting[]): readonly Committed[] => {
    try {
      return [commit(group)];
    } catch (error) {
      committedIds.reload();
      if (group.length > 1 && !isOfTheDisk(error)) return group.flatMap((one) => commitOrSplit([one]));
      for (const { reject } of group) reject(error);
      return [];
    }
  };

  return commitOrSplit;
}
