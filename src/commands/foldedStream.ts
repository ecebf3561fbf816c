import type { Command, Recorded } from "../kernel/decider.ts";
import type { Standing } from "./batch.ts";
import type { CommandLog } from "./commandLog.ts";
import { type Draft, evolved } from "./decision.ts";

/** The stream of one aggregate, decoded. */
export type Journal = {
  read(from?: bigint, count?: number): AsyncIterable<readonly Recorded[]>;
  append(
    drafts: readonly Draft[],
    head: { revision: bigint; chain: string },
  ): Promise<{ revision: bigint; position: bigint; chain: string } | "conflict">;
  /** Whether this error says nothing about what was to be written. */
  isOutage(error: unknown): boolean;
};

/** One stream's state in this process, and what is known about how old it is. */
export type FoldedStream = {
  /** What is in memory, unless the stream is known or suspected to have gone on. */
  present(): Standing | undefined;
  /** Reads what is new, or all of it when nothing is in memory. Only one at a time. */
  read(): Promise<Standing>;
  /** This process has written, and this is what it adds up to. */
  wrote(standing: Standing): void;
  /** The stream is known to reach at least here. */
  reached(revision: bigint): void;
  /** What is in memory may be old. */
  doubt(): void;
  /** What is in memory rests on something that is gone. */
  forget(): void;
};

type Options = { on: Command["on"]; id: string; journal: Journal; log: CommandLog };

export const foldedStream = ({ on, id, journal, log }: Options): FoldedStream => {
  let current: Standing | undefined;
  /** Whose events it ends with, where these were read: what was written was handed to the log then. */
  let lastCommandId: string | undefined;
  let reached = -1n;
  /** How often the state had to be doubted, and how many of these doubts a later read has settled. */
  let doubts = 0;
  let settledDoubts = 0;

  const begin = async (): Promise<Standing> => {
    lastCommandId = undefined;
    const snapshot = await log.begin();
    if (snapshot && (await isInStream(snapshot))) return snapshot;
    if (snapshot) await log.disown();
    return { state: on.initial, revision: -1n, position: -1n, chain: id };
  };

  /** A store restored from a backup does not have all that snapshots were made of; the chain tells where it does. */
  const isInStream = async ({ revision, chain }: Standing): Promise<boolean> => {
    for await (const [event] of journal.read(revision, 1)) return event?.metadata.chain === chain;
    return false;
  };

  const folded = (from: Standing, { type, data, revision, position, metadata }: Recorded): Standing => {
    const { commandId, inputHash } = metadata;
    const state = evolved(on, from.state, type, data);
    const firstRevision = log.known(commandId)?.firstRevision ?? revision;
    log.add(commandId, { inputHash, firstRevision, revision, position });
    return { state, revision, position, chain: metadata.chain ?? id };
  };

  return {
    present: () => (current && doubts === settledDoubts && reached <= current.revision ? current : undefined),
    async read() {
      const doubtsBefore = doubts;
      let standing = current ?? (await begin());
      let last = lastCommandId;
      for await (const events of journal.read(standing.revision + 1n)) {
        for (const event of events) {
          const { commandId } = event.metadata;
          // Between two commands is where a snapshot can stand, also on the way through a long stream.
          if (last !== undefined && last !== commandId) log.keep(standing, last);
          last = commandId;
          standing = folded(standing, event);
        }
        await log.catchUp();
      }
      current = standing;
      lastCommandId = last;
      settledDoubts = doubtsBefore;
      return standing;
    },
    wrote(standing) {
      lastCommandId = undefined;
      current = standing;
    },
    reached(revision) {
      if (revision > reached) reached = revision;
    },
    doubt() {
      doubts += 1;
    },
    forget() {
      current = undefined;
    },
  };
};
