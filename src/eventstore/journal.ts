import { setTimeout as delay } from "node:timers/promises";
import type { EventDefs, EventOf, Recorded } from "../kernel/decider.ts";
import { Unavailable } from "../platform/unavailable.ts";
import { linked } from "./chain.ts";
import type { Codec } from "./codec.ts";
import { AppendAnswerLost, type EventStore, EventStoreUnavailable, type NewEvent, type StoredEvent } from "./store.ts";

const chunkEvents = 500;
/** How long an append may stay unknown before its callers are told that it is. */
const unknownMaxMs = 10_000;
/** No append is sent again after this: the store drops it at its deadline, so nothing arrives once we have given up. */
const resendMaxMs = 5_000;
const retryMs = 100;

/** Where a journal ends. `chain` is the last link of a ledger's hash chain, its id before the first event. */
type Head = { revision: bigint; chain: string };

/** One stream as its aggregate sees it: decoded, chained where it is a ledger. */
type Journal<D extends EventDefs = EventDefs> = {
  /** Oldest first. Errors: `EventStoreUnavailable`. */
  read(from?: bigint, count?: number): AsyncGenerator<Recorded<EventOf<D>>[]>;
  /**
   * All or nothing, and only when `head` is where the journal ends. Resolves when it is known what happened, however
   * the answer got lost; `EventStoreUnavailable` when that cannot be known for now.
   */
  append(events: readonly NewEvent[], head: Head): Promise<(Head & { position: bigint }) | "conflict">;
  /** Whether this error says nothing about what was to be written. */
  isOutage(error: unknown): boolean;
};

type Options<D extends EventDefs> = { store: EventStore; codec: Codec; events: D; stream: string; isLedger: boolean };

export const journalOf = <D extends EventDefs>(options: Options<D>): Journal<D> => {
  const { store, codec, stream } = options;
  return {
    async *read(from, count) {
      for await (const chunk of chunks(store.read(stream, from, count)))
        yield await codec.decode(options.events, chunk);
    },
    async append(clear, head) {
      const encoded = await codec.encode(options.events, clear);
      const [events, chain] = options.isLedger ? chained(encoded, head.chain) : [encoded, head.chain];
      const outcome = await appendOnce(store, stream, events, head.revision);
      return outcome === "conflict" ? outcome : { ...outcome, chain };
    },
    isOutage: (error) => error instanceof Unavailable,
  };
};

/** The chain is over the data as it is stored, so that anyone can verify it without a key. */
const chained = (events: readonly NewEvent[], from: string): [NewEvent[], string] => {
  let chain = from;
  const chained = events.map((event) => {
    const next = linked(chain, event);
    chain = next.metadata.chain;
    return next;
  });
  return [chained, chain];
};

/**
 * An append whose answer was lost is neither a failure nor a success: the stream is read, and says which. As long as
 * it says neither the same events are sent again, which the store recognises by their ids.
 */
const appendOnce = async (store: EventStore, stream: string, events: readonly NewEvent[], expected: bigint) => {
  const startedAt = performance.now();
  let isInDoubt = false;
  for (;;) {
    try {
      if (!isInDoubt || performance.now() - startedAt < resendMaxMs)
        return await store.append(stream, events, expected);
    } catch (error) {
      const isLost = error instanceof AppendAnswerLost;
      if (!isLost && !(isInDoubt && error instanceof EventStoreUnavailable)) throw error;
      isInDoubt = true;
    }
    const found = await whatHappened(store, stream, events, expected);
    if (found) return found;
    if (performance.now() - startedAt > unknownMaxMs)
      throw new EventStoreUnavailable("the event store did not say whether an append happened");
    await delay(retryMs * (0.5 + Math.random()));
  }
};

/** `undefined` while the stream says nothing yet, or cannot be read. */
const whatHappened = async (store: EventStore, stream: string, events: readonly NewEvent[], expected: bigint) => {
  try {
    const found: StoredEvent[] = [];
    for await (const event of store.read(stream, expected + 1n, events.length)) found.push(event);
    const last = found.at(-1);
    if (!last) return undefined;
    const isOurs = found.length === events.length && found.every(({ id }, index) => id === events[index]?.id);
    return isOurs ? { revision: last.revision, position: last.position } : "conflict";
  } catch (error) {
    if (error instanceof EventStoreUnavailable) return undefined;
    throw error;
  }
};

async function* chunks(events: AsyncIterable<StoredEvent>): AsyncGenerator<StoredEvent[]> {
  let chunk: StoredEvent[] = [];
  for await (const event of events) {
    chunk.push(event);
    if (chunk.length < chunkEvents) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
