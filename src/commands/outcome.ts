import type { Rejection } from "../kernel/rejection.ts";
import type { Accepted } from "./commandContext.ts";
import type { CarriedOut } from "./commandMemory.ts";
import type { Acceptance, Decision, Job } from "./decision.ts";

export type Outcome = Accepted<unknown> | Rejection;

/**
 * What the caller is told once its batch stands in the stream, whose last event has this position: whoever has passed
 * that has passed this command's events too. A command repeated from before its batch is answered from the stream.
 */
export const outcomeOf = (job: Job, decision: Exclude<Decision, { kind: "repeated" }>, position: bigint): Outcome => {
  switch (decision.kind) {
    case "refused":
      return decision.rejection;
    case "failed":
      throw decision.error;
    case "accepted":
      return { answer: answered(job, decision, position), revision: decision.revision, position, replayed: false };
    case "echoed": {
      const { first } = decision;
      return { answer: answered(job, first, position), revision: first.revision, position, replayed: true };
    }
    case "tried":
      // What it would write has no place yet: the stream stands where it stood.
      return {
        answer: answered(job, decision.would, position),
        revision: decision.revision,
        position,
        replayed: false,
      };
    default:
      return decision satisfies never;
  }
};

const answered = ({ command, input }: Job, { drafts, state, revision, facts }: Acceptance, position: bigint) => {
  const firstRevision = revision - BigInt(drafts.length) + 1n;
  const events = drafts.map((draft, index) => ({ ...draft, revision: firstRevision + BigInt(index), position }));
  return command.answer({ events, state: command.on.ledger ? undefined : state, input, facts });
};

/** What is remembered of a command that has written something. */
export const carriedOut = ({ inputHash, drafts, revision }: Acceptance, position: bigint): CarriedOut => ({
  inputHash,
  // Nearly always one and the same: then there is one of it in memory, for each of the commands remembered.
  firstRevision: drafts.length === 1 ? revision : revision - BigInt(drafts.length) + 1n,
  revision,
  position,
});
