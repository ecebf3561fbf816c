import { randomUUID } from "node:crypto";
import { ANY, type AppendExpectedRevision, type EventStoreDBClient, jsonEvent, NO_STREAM } from "@eventstore/db-client";
import { isUnavailable } from "../storedEvents.ts";
import type { Gate } from "./gate.ts";

/** An append and where its answer said that it went. */
export type Acknowledged = {
  readonly stream: string;
  readonly ids: readonly string[];
  readonly lastRevision: bigint;
  readonly lastPosition: bigint;
};

export type Writers = {
  readonly acknowledged: readonly Acknowledged[];
  /** The ids of appends that were sent and not answered, whether or not they were written. */
  readonly unanswered: ReadonlySet<string>;
  /** Lets each finish what it has begun. Rejects when one of them met anything but a server that was away. */
  finish(): Promise<void>;
};

export const sharedStream = "shared";
export const ownStreamPrefix = "own-";

const perClient = 4;
/** Per-call credentials make the client use a call of its own instead of the stream of batches. */
const alone = { credentials: { username: "admin", password: "changeit" } };

/** Keeps several callers of each client appending; each repeats the same event ids until it has been answered. */
export function startWriters(clients: readonly EventStoreDBClient[], gate: Gate): Writers {
  const acknowledged: Acknowledged[] = [];
  const unanswered = new Set<string>();
  const stopping = new AbortController();

  const append = async (client: EventStoreDBClient, stream: string, expectedRevision: AppendExpectedRevision) => {
    const events = eventsOf(acknowledged.length);
    const ids = events.map(({ id }) => id);
    const options = { expectedRevision, ...(acknowledged.length % 5 === 0 && alone) };
    for (const id of ids) unanswered.add(id);
    const answer = await untilAnswered(gate, () => client.appendToStream(stream, events, options));
    for (const id of ids) unanswered.delete(id);
    if (answer.position === undefined) throw new Error("The append was answered without a position.");
    const { nextExpectedRevision: lastRevision, position } = answer;
    acknowledged.push({ stream, ids, lastRevision, lastPosition: position.commit });
    return lastRevision;
  };

  const write = async (client: EventStoreDBClient, stream: string, isShared: boolean) => {
    let expected: AppendExpectedRevision = isShared ? ANY : NO_STREAM;
    while (!stopping.signal.aborted) {
      const revision = await append(client, stream, expected);
      if (!isShared) expected = revision;
    }
  };

  const writing = Promise.all(
    clients.flatMap((client, number) =>
      Array.from({ length: perClient }, (_, caller) => {
        const isShared = caller === 0;
        return write(client, isShared ? sharedStream : `${ownStreamPrefix}${number}-${caller}`, isShared);
      }),
    ),
  );
  // Whatever goes wrong is told by `finish`, and not before.
  writing.catch(() => {});
  return {
    acknowledged,
    unanswered,
    finish: async () => {
      stopping.abort();
      await writing;
    },
  };
}

const eventsOf = (n: number) =>
  Array.from({ length: 1 + (n % 3) }, () =>
    jsonEvent({ id: randomUUID(), type: "Written", data: { text: "x".repeat((n * 37) % 1_500) } }),
  );

async function untilAnswered<T>(gate: Gate, call: () => Promise<T>): Promise<T> {
  for (;;) {
    await gate.opened();
    try {
      return await call();
    } catch (error) {
      if (!isUnavailable(error)) throw error;
    }
  }
}
