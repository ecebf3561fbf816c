import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "../kernel/decider.ts";
import { type Rejection, reject } from "../kernel/rejection.ts";
import { type Decision, decideBatch, type Job, type Standing } from "./batch.ts";
import type { Accepted } from "./commandContext.ts";
import type { CommandLog } from "./commandLog.ts";
import { type FoldedStream, foldedStream, type Journal } from "./foldedStream.ts";
import type { Limits } from "./limits.ts";
import { carriedOut, outcomeOf } from "./outcome.ts";

export type Lane = {
  submit(job: Job): Promise<Accepted<unknown> | Rejection>;
  /** The folded stream: what is in memory when that `isCurrent` and nothing newer is known of, else read again. */
  standing(isCurrent: boolean): Promise<Standing>;
  /** The stream is known to reach at least here. */
  reached(revision: bigint): void;
  /** What is in memory may be old: it is read again before it is used. */
  doubt(): void;
  isIdle(): boolean;
  /** It is let go: what it holds does not count any more. */
  release(): void;
};

type Waiting = { job: Job; resolve(outcome: Accepted<unknown> | Rejection): void; reject(error: unknown): void };
type Watcher = { isCurrent: boolean; resolve(standing: Standing): void; reject(error: unknown): void };
type Options = { on: Command["on"]; id: string; stream: string; journal: Journal; log: CommandLog; limits: Limits };
type Site = Omit<Options, "on" | "id"> & { folded: FoldedStream; waiting: Waiting[] };

const backoffMinMs = 2;
const backoffMaxMs = 100;

/**
 * The one queue of a stream in this process. While an append is in flight commands wait; then all of them are decided,
 * in order, on the state as it grows, and written as one. The revision an append expects proves that the state it was
 * decided on was the whole stream, so the usual command needs no read.
 */
export const openLane = (options: Options): Lane => {
  const { log, limits } = options;
  const folded = foldedStream(options);
  const waiting: Waiting[] = [];
  const site: Site = { ...options, folded, waiting };
  let watchers: Watcher[] = [];
  let isRunning = false;

  const run = async (): Promise<void> => {
    while (waiting.length > 0 || watchers.length > 0) {
      const asking = watchers;
      watchers = [];
      if (asking.length > 0) await inform(asking, folded);
      const commands = waiting.splice(0, limits.batchCommandsMax);
      if (commands.length > 0) await carryOutOrTell(commands, site);
    }
    isRunning = false;
  };
  const wake = () => {
    if (isRunning) return;
    isRunning = true;
    void run();
  };

  return {
    submit(job) {
      if (waiting.length >= limits.waitingMax || log.isFull()) return Promise.resolve(overloaded);
      return new Promise((resolve, reject) => {
        waiting.push({ job, resolve, reject });
        wake();
      });
    },
    standing(isCurrent) {
      const present = isCurrent ? folded.present() : undefined;
      if (present) return Promise.resolve(present);
      return new Promise((resolve, reject) => {
        watchers.push({ isCurrent, resolve, reject });
        wake();
      });
    },
    reached: folded.reached,
    doubt: folded.doubt,
    isIdle: () => !isRunning,
    release: log.release,
  };
};

const inform = async (asking: readonly Watcher[], folded: FoldedStream): Promise<void> => {
  try {
    const present = asking.every(({ isCurrent }) => isCurrent) ? folded.present() : undefined;
    const standing = present ?? (await folded.read());
    for (const { resolve } of asking) resolve(standing);
  } catch (error) {
    for (const { reject } of asking) reject(error);
  }
};

const carryOutOrTell = async (commands: Waiting[], site: Site): Promise<void> => {
  try {
    await carryOut(commands, site);
  } catch (error) {
    site.folded.doubt();
    if (commands.length === 1 || site.journal.isOutage(error)) for (const { reject } of commands) reject(error);
    // One of them cannot be written: it alone shall hear of it.
    else for (const command of commands) await carryOutOrTell([command], site);
  }
};

/** Takes `commands` to where the stream proves what becomes of them. Those that do not fit go back to the queue. */
const carryOut = async (commands: Waiting[], site: Site): Promise<void> => {
  const { stream, folded, waiting, journal, log, limits } = site;
  let isProven = false;
  for (let attempt = 0; attempt < limits.attemptsMax; attempt += 1) {
    const present = folded.present();
    const standing = present ?? (await folded.read());
    isProven ||= !present;
    const jobs = commands.map(({ job }) => job);
    if (!(await log.recall(jobs.map(({ context }) => context.commandId)))) {
      folded.forget();
      continue;
    }
    const { known } = log;
    const { decisions, drafts, state } = decideBatch(jobs, { stream, standing, known, bytesMax: limits.batchBytesMax });
    waiting.unshift(...commands.splice(decisions.length));
    if (drafts.length === 0) {
      // Nothing is written that could prove the state: a refusal must not rest on what is long past.
      if (isProven || !decisions.some(needsProof)) return tell(commands, decisions, standing.position, site);
      folded.doubt();
      continue;
    }
    const written = await journal.append(drafts, standing);
    if (written !== "conflict") return settle(commands, decisions, { state, ...written }, site);
    folded.doubt();
    isProven = false;
    await delay(backoff(attempt));
  }
  for (const { resolve } of commands) resolve(contention);
};

const needsProof = ({ kind }: Decision): boolean => kind === "refused" || kind === "accepted";

/** Random, so that two processes that met once do not go on meeting. */
const backoff = (attempt: number): number => Math.random() * Math.min(backoffMaxMs, backoffMinMs * 2 ** attempt);

const settle = (commands: readonly Waiting[], decisions: readonly Decision[], standing: Standing, site: Site): void => {
  const { position } = standing;
  const carried = commands.flatMap(({ job }, index) => {
    const decision = decisions[index];
    return decision?.kind === "accepted" ? carriedOut(job, decision, position) : [];
  });
  site.folded.wrote(standing, carried);
  tell(commands, decisions, position, site);
  // Last: what is kept elsewhere may be forgotten here, and repeated commands have just been looked up.
  const [lastCommandId] = carried.at(-1) ?? [];
  if (lastCommandId !== undefined) site.log.keep(standing, lastCommandId);
};

const tell = (commands: readonly Waiting[], decisions: readonly Decision[], position: bigint, site: Site): void => {
  const { log, journal } = site;
  commands.forEach(({ job, resolve, reject }, index) => {
    const decision = decisions[index];
    if (decision) outcomeOf(job, decision, { position, known: log.known, journal }).then(resolve, reject);
  });
};

const contention = reject("conflict", "CONTENTION", "Too many others write here at the moment. Please try again.");
const overloaded = reject("limited", "OVERLOADED", "Too many commands wait for this already. Please try again later.");
