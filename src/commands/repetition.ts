import type { Command, Recorded } from "../kernel/decider.ts";
import type { Accepted } from "./commandContext.ts";
import type { CarriedOut } from "./commandMemory.ts";
import { evolved, type Job } from "./decision.ts";

export type Reader = { read(from?: bigint, count?: number): AsyncIterable<readonly Recorded[]> };

/** The first answer once more: a ledger's follows from the command's events, any other from the state after them too. */
export const answerAgain = async (
  { command, input }: Job,
  first: CarriedOut,
  journal: Reader,
): Promise<Accepted<unknown>> => {
  const { events, state } = command.on.ledger
    ? { events: await ownEvents(first, journal), state: undefined }
    : await folded(command.on, first, journal);
  const [asked, last] = [events[0], events.at(-1)];
  if (!asked || !last) throw new Error("the events of a command that was carried out are not in its stream");
  const { occurredAt, actor, orgId } = asked.metadata;
  const facts = { now: occurredAt, actor, organizationId: orgId };
  return {
    answer: command.answer({ events, state, input, facts }),
    revision: last.revision,
    position: last.position,
    replayed: true,
  };
};

const ownEvents = async ({ firstRevision, revision }: CarriedOut, journal: Reader): Promise<Recorded[]> => {
  const events: Recorded[] = [];
  for await (const chunk of journal.read(firstRevision, Number(revision - firstRevision) + 1)) events.push(...chunk);
  return events;
};

const folded = async (on: Command["on"], { firstRevision, revision }: CarriedOut, journal: Reader) => {
  let state = on.initial;
  const events: Recorded[] = [];
  for await (const chunk of journal.read(0n, Number(revision) + 1)) {
    for (const event of chunk) {
      state = evolved(on, state, event.type, event.data);
      if (event.revision >= firstRevision) events.push(event);
    }
  }
  return { events, state };
};
