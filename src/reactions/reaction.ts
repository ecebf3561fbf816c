import type { EventOf, EventSource, Recorded } from "../kernel/decider.ts";

/** Where an event stands, beside its data. */
type Occurrence = Omit<Recorded, "type" | "data">;

type EventsOf<A extends EventSource> = A extends EventSource<infer D> ? EventOf<D> : never;
/**
 * Idempotent: it is had again when the process ended before the event store was told of it, at any time later when an
 * operator wants it so, and, rarely, by two processes at once. It ends by itself, and throws `Unavailable` when it
 * is to be tried again for as long as it takes.
 */
type Effect<Data> = (data: Data, occurrence: Occurrence) => Promise<void>;

/** "When this happened, do that": what is not named is of no concern. */
export type Reaction = {
  /**
   * Never changed: under it the event store knows how far the reaction has come, and which types `when` had when it
   * was first run. For one that comes to name other types: `npm run reactions -- restart <name>`.
   */
  name: string;
  of: readonly EventSource[];
  when: Readonly<Record<string, Effect<never> | undefined>>;
};

export const reaction = <const A extends readonly EventSource[]>(definition: {
  name: string;
  of: A;
  when: {
    [T in EventsOf<A[number]>["type"]]?: Effect<Extract<EventsOf<A[number]>, { type: T }>["data"]>;
  };
}): Reaction => definition;
