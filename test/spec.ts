import { expect } from "vitest";
import type { z } from "zod";
import type { Handler } from "../src/commands/handler.ts";
import {
  type Aggregate,
  type AnyEvent,
  type Command,
  type EventDefs,
  type EventOf,
  type Facts,
  fold,
  type Metadata,
  type Recorded,
} from "../src/kernel/decider.ts";
import { derivedId } from "../src/kernel/ids.ts";
import { isRejection, type Rejection, type RejectionKind } from "../src/kernel/rejection.ts";
import { changesOf, type Projection, type RowChange } from "../src/projections/projection.ts";

/** A UUID that can be called by a name: `id("ada")` is the same one in every test. */
export const id = (name: string): string => derivedId("test", name);

/** The id of the event at this revision of its stream. */
export const eventId = (revision: number): string => derivedId("test", "event", revision);

/** What a decision is told where a test does not say otherwise: Ada of Acme, on a morning in March. */
export const facts: Facts = {
  now: "2026-03-01T09:00:00.000Z",
  actor: { kind: "user", id: id("ada") },
  organizationId: id("acme"),
};
export const as = (person: string): Partial<Facts> => ({ actor: { kind: "user", id: id(person) } });
export const at = (now: string): Partial<Facts> => ({ now });

/**
 * given what happened → when this is asked → then that happens. All events go through their schemas and every answer
 * through the command's, so that what a test accepts could be stored, projected and sent as well.
 */
export const given = <D extends EventDefs, S>(aggregate: Aggregate<D, S>, ...history: readonly EventOf<D>[]) => ({
  when: <I extends z.ZodObject, A>(command: Command<I, D, S, A>, input: z.input<I>, told: Partial<Facts> = {}) =>
    asked(command, history.map(storable(aggregate)), command.input.parse(input), { ...facts, ...told }),
  projectedBy: (projection: Projection) =>
    projected(
      projection,
      history.map(storable(aggregate)).map((event, revision) => recorded(event, revision)),
    ),
});

const asked = <I extends z.ZodObject, D extends EventDefs, S, A>(
  command: Command<I, D, S, A>,
  history: readonly EventOf<D>[],
  input: z.output<I>,
  told: Facts,
) => {
  const decision = command.decide(input, fold(command.on, history), told);
  const events = isRejection(decision) ? [] : decision.map(storable(command.on));
  const after = [...history, ...events];
  return {
    // biome-ignore lint/suspicious/noThenProperty: a test that expects nothing of this is awaited, and so fails
    then: (...expected: readonly EventOf<D>[]) => expect(decision).toEqual(expected),
    thenNothing: () => expect(decision).toEqual([]),
    thenRefused: (rejected: RejectionKind, code: string, details: Rejection["details"] = {}) =>
      expect(decision).toEqual({ rejected, code, message: expect.any(String), details }),
    /** What the caller is told; a refusal has no answer. */
    thenAnswers: (expected: A) => {
      expect(decision).toSatisfy(Array.isArray);
      const written = events.map((event, index) => recorded(event, history.length + index, told));
      const answer = command.answer({ events: written, state: fold(command.on, after), input, facts: told });
      expect(command.output.parse(answer)).toEqual(expected);
    },
    /** The same is asked once more, as a command of its own, of the stream as it is then. */
    again: (toldThen: Partial<Facts> = {}) => asked(command, after, input, { ...told, ...toldThen }),
  };
};

/** An event whose schema changes nothing in it and refuses nothing: what is read back is what was decided. */
const storable =
  <D extends EventDefs>({ events }: Pick<Aggregate<D>, "events">) =>
  (event: EventOf<D>): EventOf<D> => {
    expect(events[event.type]?.schema.strict().parse(event.data)).toEqual(event.data);
    return event;
  };

/** An event as it stands in its stream. */
export const recorded = <E extends AnyEvent>(event: E, revision: number, told = facts): Recorded<E> => ({
  ...event,
  id: eventId(revision),
  revision: BigInt(revision),
  position: 1000n + BigInt(revision),
  metadata: metadataOf(told),
});

const metadataOf = ({ now, actor, organizationId }: Facts): Metadata => ({
  $correlationId: id("request"),
  $causationId: id("request"),
  commandId: id("command"),
  inputHash: "",
  actor,
  orgId: organizationId,
  workspaceId: null,
  sessionId: null,
  ip: null,
  userAgent: null,
  schemaVersion: 1,
  occurredAt: now,
});

/** A change of one row, its table called by name. */
type Change<C = RowChange> = C extends RowChange ? Omit<C, "table"> & { table: string } : never;

/** What an event changes that was stored as it reads, in a stream of this name. */
export const changesInClear = (projection: Projection, event: Recorded, stream = ""): readonly RowChange[] =>
  changesOf(projection, event, { stream, data: event.data, metadata: event.metadata });

const projected = (projection: Projection, history: readonly Recorded[]) => {
  const changes = history.flatMap((event) => changesInClear(projection, event));
  return {
    thenChanges: (...expected: readonly Change[]) =>
      expect(changes.map((change) => ({ ...change, table: change.table.name }))).toEqual(expected),
    /** The rows a table ends up with when nothing was in it before. */
    rows: (table: string) => rowsAfter(changes.filter((change) => change.table.name === table)),
  };
};

type Row = Readonly<Record<string, unknown>>;

/** What row changes mean, one at a time and in memory: the meaning the runner's batches must keep. */
export const rowsAfter = (changes: readonly RowChange[]): Row[] => {
  const rows = new Map<string, Row>();
  for (const change of changes) {
    const { table } = change;
    const from = change.kind === "insert" ? change.row : change.key;
    const key = table.key.map((column) => `${from[column]}`).join();
    const row = rows.get(key);
    if (change.kind === "insert") {
      if (row) throw new Error(`two rows of ${table.name} have the key ${key}`);
      rows.set(key, change.row);
    } else if (change.kind === "remove") rows.delete(key);
    else if (change.kind === "accumulate")
      rows.set(key, { ...begun(change), ...row, ...sums(row ?? begun(change), change.amounts) });
    else if (row) rows.set(key, { ...row, ...(change.kind === "set" ? change.values : sums(row, change.amounts)) });
  }
  return [...rows.values()];
};

const begun = ({ table, key, otherwise }: RowChange & { kind: "accumulate" }): Row => {
  const numbers = Object.keys(table.columns).filter((column) => /^(bigint|integer)$/.test(table.columns[column] ?? ""));
  return { ...Object.fromEntries(numbers.map((column) => [column, 0])), ...otherwise, ...key };
};

const sums = (row: Row, amounts: Readonly<Record<string, number | undefined>>): Row =>
  Object.fromEntries(Object.entries(amounts).map(([column, amount]) => [column, Number(row[column]) + (amount ?? 0)]));

/** Whether a command's input is let through at all; what is not never meets a decision. */
export const accepts = ({ input }: { input: z.ZodType }, given: unknown): boolean => input.safeParse(given).success;

type Stream = readonly [aggregate: { category: string }, id: string, history: readonly AnyEvent[]];

/** What reads of states need, over streams written out; `read` tells which were read. */
export const streams = (...all: readonly Stream[]): Pick<Handler, "stateOf"> & { read: string[] } => {
  const histories = new Map(all.map(([{ category }, name, history]) => [`${category}-${name}`, history]));
  const read: string[] = [];
  return {
    read,
    stateOf: async <D extends EventDefs, S>(aggregate: Aggregate<D, S>, name: string) => {
      const stream = `${aggregate.category}-${name}`;
      read.push(stream);
      // The stream's name begins with the category of the aggregate whose events it was given.
      const history = (histories.get(stream) ?? []) as EventOf<D>[];
      const revision = BigInt(history.length) - 1n;
      return { state: fold(aggregate, history), revision, position: revision };
    },
  };
};
