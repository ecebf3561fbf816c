import type { Command, Recorded } from "../kernel/decider.ts";
import type { Accepted } from "./commandContext.ts";
import type { CarriedOut } from "./commandMemory.ts";
import { evolved, type Job } from "./decision.ts";

export type Repetition = { job: Job; first: CarriedOut };

type Reader = { read(from?: bigint, count?: number): AsyncIterable<readonly Recorded[]> };
/** What the stream has from `start` on. */
type Past = { start: bigint; events: readonly Recorded[]; state: unknown };

/** Repetitions of commands of one stream whose events are read at once: a group sent again was written in a row. */
export const runsOf = <R extends Repetition>(repetitions: readonly R[]): R[][] => {
  const runs: R[][] = [];
  let end: bigint | undefined;
  for (const repetition of repetitions.toSorted(byRevision)) {
    const { job, first } = repetition;
    const run = runs.at(-1);
    if (run && job.command.on.ledger && end !== undefined && first.firstRevision <= end + 1n) run.push(repetition);
    else runs.push([repetition]);
    end = first.revision;
  }
  return runs;
};

const byRevision = ({ first: one }: Repetition, { first: other }: Repetition): number =>
  Number(one.firstRevision - other.firstRevision);

/** Their first answers once more: from their events alone, unless the stream is short enough to be folded. */
export const answersAgain = async (run: readonly Repetition[], journal: Reader): Promise<Accepted<unknown>[]> => {
  const [from, to] = [run[0], run.at(-1)];
  if (!from || !to) return [];
  const { on } = from.job.command;
  const start = on.ledger ? from.first.firstRevision : 0n;
  const events = await eventsOf(start, to.first.revision, journal);
  const state = on.ledger ? undefined : folded(on, events);
  return run.map((repetition) => answerFrom({ start, events, state }, repetition));
};

const answerFrom = (
  { start, events, state }: Past,
  { job: { command, input }, first }: Repetition,
): Accepted<unknown> => {
  const own = events.slice(Number(first.firstRevision - start), Number(first.revision - start) + 1);
  const [asked, last] = [own[0], own.at(-1)];
  if (!asked || !last) throw new Error("the events of a command that was carried out are not in its stream");
  const { occurredAt, actor, orgId } = asked.metadata;
  const facts = { now: occurredAt, actor, organizationId: orgId };
  return {
    answer: command.answer({ events: own, state, input, facts }),
    revision: last.revision,
    position: last.position,
    replayed: true,
  };
};

const eventsOf = async (from: bigint, to: bigint, journal: Reader): Promise<Recorded[]> => {
  const events: Recorded[] = [];
  for await (const chunk of journal.read(from, Number(to - from) + 1)) events.push(...chunk);
  return events;
};

const folded = (on: Command["on"], events: readonly Recorded[]): unknown =>
  events.reduce((state, { type, data }) => evolved(on, state, type, data), on.initial);
