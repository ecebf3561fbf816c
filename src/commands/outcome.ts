import type { Rejection } from "../kernel/rejection.ts";
import { type Decision, factsOf, type Job } from "./batch.ts";
import type { Accepted } from "./commandContext.ts";
import type { CarriedOut } from "./commandMemory.ts";
import { answerAgain, type Reader } from "./repetition.ts";

type Acceptance = Extract<Decision, { kind: "accepted" }>;
type Known = (commandId: string) => CarriedOut | undefined;

/** What the caller is told once its batch stands in the stream, whose last event has this position. */
export const outcomeOf = async (
  job: Job,
  decision: Decision,
  { position, known, journal }: { position: bigint; known: Known; journal: Reader },
): Promise<Accepted<unknown> | Rejection> => {
  if (decision.kind === "refused") return decision.rejection;
  if (decision.kind === "failed") throw decision.error;
  if (decision.kind === "accepted") return answered(job, decision, position);
  const first = known(job.context.commandId);
  if (!first) throw new Error("a repeated command is known by its first time");
  return answerAgain(job, first, journal);
};

const answered = (job: Job, { drafts, state, revision }: Acceptance, position: bigint): Accepted<unknown> => {
  const firstRevision = firstOf(drafts, revision);
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

/** What is remembered of an accepted command; nothing of one that had nothing to write. */
export const carriedOut = (
  { context }: Job,
  { drafts, state, revision, inputHash }: Acceptance,
  position: bigint,
): (readonly [commandId: string, CarriedOut])[] => {
  if (drafts.length === 0) return [];
  const firstRevision = firstOf(drafts, revision);
  return [[context.commandId, { inputHash, firstRevision, revision, position, state }]];
};

/** Nearly always one and the same: then there is one of it in memory, for each of the commands remembered. */
const firstOf = ({ length }: Acceptance["drafts"], revision: bigint): bigint =>
  length === 1 ? revision : revision - BigInt(length) + 1n;
