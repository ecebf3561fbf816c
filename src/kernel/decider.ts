import type { z } from "zod";
import type { Rejection } from "./rejection.ts";

/** One event type: its current schema, and one function per older version (v1→v2, v2→v3, …). */
export type EventDef<S extends z.ZodObject = z.ZodObject> = { schema: S; upcasts: readonly Upcast[] };
type Upcast = (older: Readonly<Record<string, unknown>>) => Record<string, unknown>;

export const event = <S extends z.ZodObject>(schema: S, ...upcasts: readonly Upcast[]): EventDef<S> => ({
  schema: inOrder(schema),
  upcasts,
});

/** Names in their order: what has gone through it is spelled canonically as it stands, at less than half the price. */
const inOrder = <S extends z.ZodObject>(schema: S): S => {
  const names = Object.keys(schema.shape).sort();
  const all: Record<string, true> = Object.fromEntries(names.map((name) => [name, true]));
  return (schema as z.ZodObject).pick(all) as z.ZodObject as S;
};

/** The version new events are written in: 1 for a type that never changed. */
export const versionOf = ({ upcasts }: EventDef): number => upcasts.length + 1;

export type EventDefs = Record<string, EventDef>;
export type EventOf<D extends EventDefs> = {
  [T in keyof D & string]: { type: T; data: z.output<D[T]["schema"]> };
}[keyof D & string];
/** One of these events, from its type and its data, which the caller had as a pair that taking it apart has lost. */
export const paired = <D extends EventDefs>(type: keyof D & string, data: EventOf<D>["data"]): EventOf<D> =>
  ({ type, data }) as EventOf<D>;
export type AnyEvent = { type: string; data: Record<string, unknown> };

/** What happened to one kind of thing, and what it adds up to. Its streams are `<category>-<uuid>`. */
export type Aggregate<D extends EventDefs = EventDefs, State = unknown> = {
  category: string;
  events: D;
  initial: State;
  evolve: { [T in keyof D]: (state: State, data: z.output<D[T]["schema"]>) => State };
  /** Ledgers: every event carries the hash chain in its metadata, and the fold is kept in snapshots. */
  ledger?: { foldVersion: number };
};

/** An aggregate whose streams are long. Its commands are answered from their own events alone. */
export type Ledger<D extends EventDefs = EventDefs, State = unknown> = Aggregate<D, State> & {
  ledger: { foldVersion: number };
};

/** An aggregate as far as its readers care: where its events are and what they look like. */
export type EventSource<D extends EventDefs = EventDefs> = { category: string; events: D };

export const fold = <D extends EventDefs, S>(
  { evolve, initial }: Aggregate<D, S>,
  history: Iterable<EventOf<D>>,
  from: S = initial,
): S => {
  let state = from;
  for (const { type, data } of history) state = evolve[type](state, data);
  return state;
};

/** An event as it stands in its stream, decoded: current version, personal data in clear. */
export type Recorded<E extends AnyEvent = AnyEvent> = E & {
  id: string;
  revision: bigint;
  /** Commit position in `$all`: the only order across streams. */
  position: bigint;
  metadata: Metadata;
};

export type Actor = { kind: "user" | "api_key" | "system" | "anonymous"; id: string | null };

/** What every stored event says about how it came to be. */
export type Metadata = {
  $correlationId: string;
  $causationId: string;
  commandId: string;
  inputHash: string;
  actor: Actor;
  orgId: string | null;
  workspaceId: string | null;
  sessionId: string | null;
  ip: string | null;
  userAgent: string | null;
  schemaVersion: number;
  occurredAt: string;
  /** SHA-256 link to the event before it, hex; on ledger events only. */
  chain?: string;
};

/** Everything a decision may know besides input and state: `decide` reads no clock and makes no id. */
export type Facts = { now: string; actor: Actor; organizationId: string | null };

/** What an answer may be made of: the command's own events, and what it was decided with. */
type Told<I extends z.ZodObject, D extends EventDefs> = {
  events: readonly Recorded<EventOf<D>>[];
  input: z.output<I>;
  facts: Facts;
};

/**
 * What may be asked of one stream. `decide` says what happens, `answer` what the caller is told about it:
 * both are pure, so that a repeated command can be answered again, years later, from its events alone.
 */
export type Command<
  I extends z.ZodObject = z.ZodObject,
  D extends EventDefs = EventDefs,
  State = unknown,
  A = unknown,
> = {
  name: string;
  on: Aggregate<D, State>;
  permission: string;
  input: I;
  output: z.ZodType<A>;
  /** The id in the stream's name. */
  stream: (input: z.output<I>) => string;
  decide: (input: z.output<I>, state: State, facts: Facts) => readonly EventOf<D>[] | Rejection;
  /** `state` is the one right after the command's events. Of a ledger, which may be long, nobody has it any more. */
  answer: (told: Told<I, D> & { state: State }) => A;
};

/** What is given of a command besides what it is on; only a stream that is short has a state to answer from. */
type Definition<I extends z.ZodObject, D extends EventDefs, State, A, On extends Aggregate<D, State>> = Omit<
  Command<I, D, State, A>,
  "on" | "answer"
> & { answer: On extends Ledger<D, State> ? (told: Told<I, D>) => A : Command<I, D, State, A>["answer"] };

export const command = <I extends z.ZodObject, D extends EventDefs, State, A, On extends Aggregate<D, State>>(
  on: On & Aggregate<D, State>,
  definition: Definition<I, D, State, A, On>,
): Command<I, D, State, A> => ({ on, ...definition });
