import type { Codec } from "../eventstore/codec.ts";
import type { StoredEvent } from "../eventstore/store.ts";
import type { EventDefs, EventSource, Recorded } from "../kernel/decider.ts";
import { Unavailable } from "../platform/unavailable.ts";

export type Decoded = { event: StoredEvent } & ({ recorded: Recorded } | { failure: unknown });
/**
 * Events that came in together: their keys are fetched with one question. Rejects when one cannot be fetched for now;
 * an event that cannot be read at all comes with its failure.
 */
export type Decode = (events: readonly StoredEvent[]) => Promise<readonly Decoded[]>;

/** For events that nobody will look into. */
export const unread = (event: StoredEvent): Decoded => ({ event, failure: "it was not decoded" });

/** Only those that are `wanted` are looked into. */
export const decoding = (
  codec: Codec,
  sources: readonly EventSource[],
  wanted: (event: StoredEvent) => boolean = () => true,
): Decode => {
  const defs: EventDefs = Object.assign({}, ...sources.map(({ events }) => events));

  const decodeAll = async (events: readonly StoredEvent[]): Promise<Decoded[]> => {
    const recorded = (await codec.decode(defs, events)).values();
    return events.map((event) => {
      const { value } = recorded.next();
      return value ? { event, recorded: value } : unread(event);
    });
  };

  const decodeOne = (event: StoredEvent): Promise<readonly Decoded[]> =>
    decodeAll([event]).catch((failure: unknown) => {
      if (failure instanceof Unavailable) throw failure;
      return [{ event, failure }];
    });

  /** One event that cannot be read fails the call for all of them. */
  const decodeEach = async (events: readonly StoredEvent[]): Promise<readonly Decoded[]> =>
    (await Promise.all(events.map(decodeOne))).flat();

  return async (events) => {
    const asked = events.filter(wanted);
    const decoded = await decodeAll(asked).catch(() => decodeEach(asked));
    if (asked.length === events.length) return decoded;
    const found = new Map(decoded.map((each) => [each.event, each]));
    return events.map((event) => found.get(event) ?? unread(event));
  };
};
