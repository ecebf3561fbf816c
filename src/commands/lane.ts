import type { Command } from "../kernel/decider.ts";
import { reject } from "../kernel/rejection.ts";
import { decideBatch, type Standing, type Unit } from "./batch.ts";
import type { CommandLog } from "./commandLog.ts";
import type { Decision, Job } from "./decision.ts";
import { type FoldedStream, foldedStream, type Journal } from "./foldedStream.ts";
import type { Limits } from "./limits.ts";
import { carriedOut, type Outcome, outcomeOf } from "./outcome.ts";
import { type Party, partyOf } from "./party.ts";
import { answersAgain, type Repetition, runsOf } from "./repetition.ts";
import { type RightOfWay, type Turns, turnsOf, type Word } from "./turns.ts";

export type Lane = {
  /** One outcome for each, in their order, which is the one they are carried out in. */
  submit(units: readonly Unit[]): Promise<Outcome[]>;
  /** The folded stream: what is in memory when that `isCurrent` and nothing newer is known of, else read again. */
  standing(isCurrent: boolean): Promise<Standing>;
  /** The stream is known to reach at least here. */
  reached(revision: bigint): void;
  /** What is in memory may be old: it is read again before it is used. */
  doubt(): void;
  /** Another process has said something about whose turn it is to write here. */
  heard(word: Word): void;
  isIdle(): boolean;
  /** It is let go: what it holds does not count any more. */
  release(): void;
};

/** Its commands are those of the party from `from` on. */
type Waiting = Unit & { party: Party; from: number };
type Watcher = { isCurrent: boolean; resolve(standing: Standing): void; reject(error: unknown): void };
type Options = Omit<Site, "folded" | "waiting" | "turns" | "contended"> & {
  on: Command["on"];
  id: string;
  rightOfWay: RightOfWay | undefined;
  onIdle(): void;
};
type Site = {
  stream: string;
  journal: Journal;
  log: CommandLog;
  limits: Limits;
  /** Nothing before another process was met here. */
  turns(): Turns | undefined;
  contended(): Turns;
  folded: FoldedStream;
  waiting: Waiting[];
};

/**
 * The one queue of a stream in this process. While an append is in flight commands wait; then all of them are decided,
 * in order, on the state as it grows, and written as one. The revision an append expects proves that the state it was
 * decided on was the whole stream, so the usual command needs no read.
 */
export const openLane = (options: Options): Lane => {
  const { log, limits } = options;
  const folded = foldedStream(options);
  const waiting: Waiting[] = [];
  let watchers: Watcher[] = [];
  let isRunning = false;
  let turns: Turns | undefined;
  const contended = (): Turns => {
    turns ??= turnsOf({ ...options, isIdle: () => !isRunning, doubt: folded.doubt });
    return turns;
  };
  const site: Site = { ...options, folded, waiting, turns: () => turns, contended };

  const run = async (): Promise<void> => {
    while (waiting.length > 0 || watchers.length > 0) {
      const asking = watchers;
      watchers = [];
      if (asking.length > 0) await inform(asking, folded);
      if (waiting.length === 0) continue;
      await turns?.come();
      const units = waiting.splice(0, unitsWithin(waiting, limits.batchCommandsMax));
      await carryOutOrTell(units, site);
      turns?.over();
      log.decided(idsOf(units));
    }
    isRunning = false;
    turns?.idle();
    options.onIdle();
  };
  const wake = () => {
    if (isRunning) return;
    isRunning = true;
    void run();
  };

  return {
    submit(units) {
      const count = countOf(units);
      if (waiting.length >= limits.waitingMax || log.isFull())
        return Promise.resolve(new Array(count).fill(overloaded));
      log.expect(idsOf(units));
      const party = partyOf(count);
      let from = 0;
      for (const unit of units) {
        waiting.push({ ...unit, party, from });
        from += unit.jobs.length;
      }
      wake();
      return party.told;
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
    heard: (word) => contended().heard(word),
    isIdle: () => !isRunning,
    release: log.release,
  };
};

const countOf = (units: readonly Unit[]): number => units.reduce((sum, { jobs }) => sum + jobs.length, 0);

/** How many of them make so many commands; one at least. */
const unitsWithin = (waiting: readonly Waiting[], commandsMax: number): number => {
  let commands = 0;
  const beyond = waiting.findIndex(({ jobs }) => {
    commands += jobs.length;
    return commands > commandsMax;
  });
  return beyond === -1 ? waiting.length : Math.max(beyond, 1);
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

const carryOutOrTell = async (units: Waiting[], site: Site): Promise<void> => {
  try {
    await carryOut(units, site);
  } catch (error) {
    site.folded.doubt();
    if (units.length === 1 || site.journal.isOutage(error))
      for (const { jobs, party } of units) for (const _ of jobs) party.fail(error);
    // One of them cannot be written: it alone shall hear of it.
    else for (const unit of units) await carryOutOrTell([unit], site);
  }
};

/** Takes `units` to where the stream proves what becomes of them. Those that do not fit go back to the queue. */
const carryOut = async (units: Waiting[], site: Site): Promise<void> => {
  const { stream, folded, waiting, journal, log, limits, contended } = site;
  let isProven = false;
  for (let attempt = 0; attempt < limits.attemptsMax; attempt += 1) {
    const present = folded.present();
    const standing = present ?? (await folded.read());
    isProven ||= !present;
    if (!(await log.recall(idsOf(units)))) {
      folded.forget();
      continue;
    }
    const { known } = log;
    const { decisions, drafts, state } = decideBatch(units, {
      stream,
      standing,
      known,
      bytesMax: limits.batchBytesMax,
    });
    waiting.unshift(...units.splice(decisions.length));
    if (drafts.length === 0) {
      // Nothing is written that could prove the state: what is told must not rest on what is long past.
      if (isProven || !decisions.flat().some(needsProof)) return tell(units, decisions, standing.position, site);
      folded.doubt();
      continue;
    }
    const written = await journal.append(drafts, standing);
    if (written !== "conflict") return settle(units, decisions, { state, ...written }, site);
    folded.doubt();
    isProven = false;
    contended().overtaken();
    await contended().come();
  }
  for (const { jobs, party, from } of units) jobs.forEach((_, index) => void party.tell(from + index, contention));
};

const idsOf = (units: readonly Unit[]): string[] =>
  units.flatMap(({ jobs }) => jobs.map(({ context }) => context.commandId));

const needsProof = ({ kind }: Decision): boolean => kind === "refused" || kind === "accepted" || kind === "tried";

type Decisions = readonly (readonly Decision[])[];

const settle = (units: readonly Waiting[], decisions: Decisions, standing: Standing, site: Site): void => {
  const { folded, log, turns, waiting } = site;
  const { position } = standing;
  // Before anything else: whoever comes next waits for this alone. One who had several to write will have more.
  turns()?.wrote(units.length > 1 || waiting.length > 0);
  let lastCommandId: string | undefined;
  for (const decision of decisions.flat()) {
    if (decision.kind !== "accepted" || decision.drafts.length === 0) continue;
    lastCommandId = decision.commandId;
    log.add(lastCommandId, carriedOut(decision, position));
  }
  folded.wrote(standing);
  if (lastCommandId !== undefined) log.keep(standing, lastCommandId);
  const answer = () => tell(units, decisions, position, site);
  // Those that wait go first: answers are made while their append is on its way.
  if (waiting.length > 0) setImmediate(answer);
  else answer();
};

const tell = (units: readonly Waiting[], decisions: Decisions, position: bigint, { journal }: Site): void => {
  const repetitions: (Repetition & Asker)[] = [];
  units.forEach(({ jobs, party, from }, unit) => {
    decisions[unit]?.forEach((decision, at) => {
      const job = jobs[at];
      if (!job) return;
      const index = from + at;
      if (decision.kind === "repeated") repetitions.push({ job, first: decision.first, party, index });
      else tellOne(job, decision, position, { party, index });
    });
  });
  for (const run of runsOf(repetitions)) void tellAgain(run, journal);
};

/** One command's place among those it came with. */
type Asker = { party: Party; index: number };
type Told = Exclude<Decision, { kind: "repeated" }>;

const tellOne = (job: Job, decision: Told, position: bigint, { party, index }: Asker): void => {
  try {
    party.tell(index, outcomeOf(job, decision, position));
  } catch (error) {
    party.fail(error);
  }
};

const tellAgain = async (run: readonly (Repetition & Asker)[], journal: Journal): Promise<void> => {
  try {
    const answers = await answersAgain(run, journal);
    for (const [at, answer] of answers.entries()) run[at]?.party.tell(run[at].index, answer);
  } catch (error) {
    for (const { party } of run) party.fail(error);
  }
};

const contention = reject("conflict", "CONTENTION", "Too many others write here at the moment. Please try again.");
const overloaded = reject("limited", "OVERLOADED", "Too many commands wait for this already. Please try again later.");
