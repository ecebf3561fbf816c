import type { Codec } from "../eventstore/codec.ts";
import type { StoredEvent } from "../eventstore/store.ts";
import type { EventDefs, EventSource, Recorded } from "../kernel/decider.ts";
import { Unavailable } from "../platform/unavailable.ts";

export type Decoded = { event: StoredEvent } & ({ recorded: Recorded } | { failure: unknown });
/** Rejects when a key cannot be fetched for now; an event that cannot be read at all resolves with its failure. */
export type Decode = (event: StoredEvent) => Promise<Decoded>;

/** For events that nobody will look into. */
export const unread: Decode = (event) => Promise.resolve({ event, failure: "it was not decoded" });

type Asked = { event: StoredEvent; resolve: (decoded: Decoded) => void; reject: (error: unknown) => void };

/** Events that come in together are decoded together: their keys are then fetched with one question. */
export const decoding = (codec: Codec, sources: readonly EventSource[]): Decode => {
  const defs: EventDefs = Object.assign({}, ...sources.map(({ events }) => events));
  let asked: Asked[] = [];

  const decodeAll = async (batch: readonly Asked[]): Promise<void> => {
    const recorded = await codec.decode(
      defs,
      batch.map(({ event }) => event),
    );
    recorded.forEach((each, index) => {
      const { event, resolve } = batch[index] ?? {};
      if (event) resolve?.({ event, recorded: each });
    });
  };

  const decodeOne = (one: Asked): Promise<void> =>
    decodeAll([one]).catch((failure: unknown) => {
      if (failure instanceof Unavailable) one.reject(failure);
      else one.resolve({ event: one.event, failure });
    });

  const flush = async (): Promise<void> => {
    const batch = asked;
    asked = [];
    // One event that cannot be read fails the call for all of them.
    await decodeAll(batch).catch(() => Promise.all(batch.map(decodeOne)));
  };

  return (event) =>
    new Promise((resolve, reject) => {
      if (asked.length === 0) setImmediate(flush);
      asked.push({ event, resolve, reject });
    });
};
