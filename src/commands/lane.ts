import { setTimeout as delay } from "node:timers/promises";
import type { Command, Recorded } from "../kernel/decider.ts";
import { type Rejection, reject } from "../kernel/rejection.ts";
import { type Decision, type Draft, decideBatch, evolved, factsOf, type Job, type Standing } from "./batch.ts";
import type { Accepted } from "./commandContext.ts";
import type { CommandLog } from "./commandLog.ts";
import type { CarriedOut } from "./commandMemory.ts";
import type { Limits } from "./limits.ts";
import { answerAgain } from "./repetition.ts";

/** The stream a lane leads to, decoded. */
type Journal = {
  read(from?: bigint, count?: number): AsyncIterable<readonly Recorded[]>;
  append(
    drafts: readonly Draft[],
    head: { revision: bigint; chain: string },
  ): Promise<{ revision: bigint; position: bigint; chain: string } | "conflict">;
  /** Whether this error says nothing about what was to be written. */
  isOutage(error: unknown): boolean;
};

export type Lane = {
  submit(job: Job): Promise<Accepted<unknown> | Rejection>;
  /** The folded stream: what is in memory when that `isCurrent` and nothing newer is known of, else read again. */
  standing(isCurrent: boolean): Promise<Standing>;
  /** The stream is known to reach at least here. */
  reached(revision: bigint): void;
  /** What is in memory may be old: it is read again before it is used. */
  doubt(): void;
  isIdle(): boolean;
};

type Waiting = { job: Job; resolve(outcome: Accepted<unknown> | Rejection): void; reject(error: unknown): void };
type Watcher = { isCurrent: boolean; resolve(standing: Standing): void; reject(error: unknown): void };
type Written = { revision: bigint; position: bigint; chain: string };
type Options = { on: Command["on"]; id: string; stream: string; journal: Journal; log: CommandLog; limits: Limits };

const backoffMinMs = 2;
const backoffMaxMs = 100;

/**
 * The one queue of a stream in this process. While an append is in flight commands wait; then all of them are decided,
 * in order, on the state as it grows, and written as one. The revision an append expects proves that the state it was
 * decided on was the whole stream, so the usual command needs no read.
 */
export const openLane = ({ on, id, stream, journal, log, limits }: Options): Lane => {
  let current: Standing | undefined;
  let reached = -1n;
  /** How often the state had to be doubted, and how many of these doubts a later read has settled. */
  let doubts = 0;
  let settledDoubts = 0;
  let isRunning = false;
  const waiting: Waiting[] = [];
  let watchers: Watcher[] = [];

  const doubt = () => {
    doubts += 1;
  };
  const isBehind = (standing: Standing) => doubts > settledDoubts || reached > standing.revision;

  const remember = (commandId: string, { state, ...command }: CarriedOut & { state: unknown }) =>
    log.add(commandId, on.ledger ? { ...command, state } : command);

  const begin = async (): Promise<Standing> =>
    (await log.begin()) ?? { state: on.initial, revision: -1n, position: -1n, chain: id };

  const refresh = async (): Promise<Standing> => {
    const doubtsBefore = doubts;
    let standing = current ?? (await begin());
    let lastCommandId: string | undefined;
    for await (const events of journal.read(standing.revision + 1n)) {
      for (const { type, data, revision, position, metadata } of events) {
        const { commandId, inputHash } = metadata;
        // Between two commands is where a snapshot can stand, also on the way through a long stream.
        if (lastCommandId !== undefined && lastCommandId !== commandId) log.keep(standing, lastCommandId);
        lastCommandId = commandId;
        const state = evolved(on, standing.state, type, data);
        standing = { state, revision, position, chain: metadata.chain ?? id };
        const firstRevision = log.known(commandId)?.firstRevision ?? revision;
        remember(commandId, { inputHash, firstRevision, revision, position, state });
      }
    }
    current = standing;
    settledDoubts = doubtsBefore;
    return standing;
  };

  const inform = async (asking: readonly Watcher[]): Promise<void> => {
    try {
      const isEnough = current && !isBehind(current) && asking.every(({ isCurrent }) => isCurrent);
      const standing = isEnough && current ? current : await refresh();
      for (const { resolve } of asking) resolve(standing);
    } catch (error) {
      for (const { reject } of asking) reject(error);
    }
  };

  /** Takes `commands` to where the stream proves what becomes of them. Those that do not fit go back to the queue. */
  const carryOut = async (commands: Waiting[]): Promise<void> => {
    let isProven = false;
    for (let attempt = 0; attempt < limits.attemptsMax; attempt += 1) {
      const isStale = !current || isBehind(current);
      const standing = current && !isStale ? current : await refresh();
      isProven ||= isStale;
      if (!(await log.recall(commands.map(({ job }) => job.context.commandId)))) {
        current = undefined;
        continue;
      }
      const jobs = commands.map(({ job }) => job);
      const { decisions, drafts, state } = decideBatch(jobs, {
        stream,
        standing,
        known: log.known,
        bytesMax: limits.batchBytesMax,
      });
      waiting.unshift(...commands.splice(decisions.length));
      if (drafts.length === 0) {
        // Nothing is written that could prove the state: a refusal must not rest on what is long past.
        if (isProven || !decisions.some(needsProof)) return settle(commands, decisions, standing);
        doubt();
        continue;
      }
      const written = await journal.append(drafts, standing);
      if (written !== "conflict") {
        current = { state, ...written };
        return settle(commands, decisions, written);
      }
      doubt();
      isProven = false;
      await delay(backoff(attempt));
    }
    for (const { resolve } of commands) resolve(contention);
  };

  const settle = (commands: readonly Waiting[], decisions: readonly Decision[], written: Written | Standing): void => {
    let lastCommandId: string | undefined;
    decisions.forEach((decision, index) => {
      const { commandId } = commands[index]?.job.context ?? {};
      if (decision.kind !== "accepted" || decision.drafts.length === 0 || commandId === undefined) return;
      const { state, revision, drafts, inputHash } = decision;
      const firstRevision = revision - BigInt(drafts.length) + 1n;
      remember(commandId, { inputHash, firstRevision, revision, position: written.position, state });
      lastCommandId = commandId;
    });
    if (current && lastCommandId !== undefined) log.keep(current, lastCommandId);
    commands.forEach((command, index) => {
      const decision = decisions[index];
      if (decision) outcomeOf(command.job, decision, written.position).then(command.resolve, command.reject);
    });
  };

  const outcomeOf = async (job: Job, decision: Decision, position: bigint) => {
    if (decision.kind === "refused") return decision.rejection;
    if (decision.kind === "failed") throw decision.error;
    if (decision.kind === "accepted") return answer(job, decision, position);
    const first = log.known(job.context.commandId);
    if (!first) throw new Error("a repeated command is known by its first time");
    return answerAgain(job, first, journal);
  };

  const run = async (): Promise<void> => {
    while (waiting.length > 0 || watchers.length > 0) {
      const asking = watchers;
      watchers = [];
      if (asking.length > 0) await inform(asking);
      const commands = waiting.splice(0, limits.batchCommandsMax);
      if (commands.length > 0) await carryOutOrTell(commands);
    }
    isRunning = false;
  };

  const carryOutOrTell = async (commands: Waiting[]): Promise<void> => {
    try {
      await carryOut(commands);
    } catch (error) {
      doubt();
      if (commands.length === 1 || journal.isOutage(error)) for (const { reject } of commands) reject(error);
      // One of them cannot be written: it alone shall hear of it.
      else for (const command of commands) await carryOutOrTell([command]);
    }
  };

  const wake = () => {
    if (isRunning) return;
    isRunning = true;
    void run();
  };

  return {
    submit(job) {
      if (waiting.length >= limits.waitingMax || log.held() >= limits.heldCommandsMax)
        return Promise.resolve(overloaded);
      return new Promise((resolve, reject) => {
        waiting.push({ job, resolve, reject });
        wake();
      });
    },
    standing(isCurrent) {
      if (current && isCurrent && !isBehind(current)) return Promise.resolve(current);
      return new Promise((resolve, reject) => {
        watchers.push({ isCurrent, resolve, reject });
        wake();
      });
    },
    reached(revision) {
      if (revision > reached) reached = revision;
    },
    doubt,
    isIdle: () => !isRunning,
  };
};

const needsProof = ({ kind }: Decision): boolean => kind === "refused" || kind === "accepted";

/** Random, so that two processes that met once do not go on meeting. */
const backoff = (attempt: number): number => Math.random() * Math.min(backoffMaxMs, backoffMinMs * 2 ** attempt);

const contention = reject("conflict", "CONTENTION", "Too many others write here at the moment. Please try again.");
const overloaded = reject("limited", "OVERLOADED", "Too many commands wait for this already. Please try again later.");

type Acceptance = Extract<Decision, { kind: "accepted" }>;

const answer = (job: Job, { drafts, state, revision }: Acceptance, position: bigint): Accepted<unknown> => {
  const firstRevision = revision - BigInt(drafts.length) + 1n;
  // The store tells the position of the last event of the batch: whoever has passed that has passed this one too.
  const events = drafts.map((draft, index) => ({ ...draft, revision: firstRevision + BigInt(index), position }));
  const facts = factsOf(job.context);
  return {
    answer: job.command.answer({ events, state, input: job.input, facts }),
    revision,
    position,
    replayed: false,
  };
};
