import type { EventOf, EventSource, Recorded } from "../kernel/decider.ts";

/** Where an event stands, beside its data. */
type Occurrence = Omit<Recorded, "type" | "data">;

type EventsOf<A extends EventSource> = A extends EventSource<infer D> ? EventOf<D> : never;
/** Idempotent: it is had again when the process ended before it was noted. */
type Effect<Data> = (data: Data, occurrence: Occurrence) => Promise<void>;

/** "When this happened, do that": what is not named is of no concern. */
export type Reaction = {
  /** Never changed: it says in the database how far the reaction has come. */
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
