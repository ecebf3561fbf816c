import type { StoredEvent } from "../eventstore/store.ts";
import type { EventOf, EventSource, Metadata } from "../kernel/decider.ts";

/** The column types read models use, with what a value of each looks like in a row change. */
type ColumnValues = {
  uuid: string;
  text: string;
  bigint: number | bigint;
  integer: number;
  boolean: boolean;
  timestamptz: string;
  /** YYYY-MM-DD. */
  date: string;
  /** JSON as text, which Postgres parses. */
  jsonb: string;
};
type Columns = Record<string, keyof ColumnValues | `${keyof ColumnValues} null`>;
type Value<C> = C extends `${infer T extends keyof ColumnValues} null`
  ? ColumnValues[T] | null
  : C extends keyof ColumnValues
    ? ColumnValues[C]
    : never;

/** A read-model table as the runner needs to know it: the migration is what makes it. */
export type Table<C extends Columns = Columns, K extends keyof C & string = keyof C & string> = {
  name: string;
  columns: C;
  key: readonly K[];
  /** What a row begins with where nothing else is said. */
  zeros: Readonly<Record<string, 0>>;
};
export const table = <const C extends Columns, const K extends keyof C & string>(
  name: string,
  columns: C,
  key: readonly K[],
): Table<C, K> => ({ name, columns, key, zeros: zerosOf(columns) });

const zerosOf = (columns: Columns): Table["zeros"] =>
  Object.fromEntries(
    Object.entries(columns).flatMap(([column, type]) =>
      type === "bigint" || type === "integer" ? [[column, 0] as const] : [],
    ),
  );

type Row<C extends Columns> = { [N in keyof C]: Value<C[N]> };
type Numeric<C extends Columns> = { [N in keyof C]: C[N] extends "bigint" | "integer" ? N : never }[keyof C];

/** A change of one row, as data: a test can compare it and the runner folds many of them into one statement. */
export type RowChange =
  | { kind: "insert"; table: Table; row: Readonly<Record<string, unknown>> }
  | { kind: "set"; table: Table; key: Readonly<Record<string, unknown>>; values: Readonly<Record<string, unknown>> }
  | {
      kind: "add";
      table: Table;
      key: Readonly<Record<string, unknown>>;
      amounts: Readonly<Record<string, number | undefined>>;
    }
  | {
      kind: "accumulate";
      table: Table;
      key: Readonly<Record<string, unknown>>;
      amounts: Readonly<Record<string, number | undefined>>;
      otherwise: Readonly<Record<string, unknown>>;
    }
  | { kind: "remove"; table: Table; key: Readonly<Record<string, unknown>> };

type KeyOf<C extends Columns, K extends keyof C> = { [N in K]: Value<C[N]> };

export const insert = <C extends Columns, K extends keyof C & string>(table: Table<C, K>, row: Row<C>): RowChange => ({
  kind: "insert",
  table,
  row,
});
export const set = <C extends Columns, K extends keyof C & string>(
  table: Table<C, K>,
  key: KeyOf<C, K>,
  values: Partial<Omit<Row<C>, K>>,
): RowChange => ({ kind: "set", table, key, values });
export const add = <C extends Columns, K extends keyof C & string>(
  table: Table<C, K>,
  key: KeyOf<C, K>,
  amounts: { [N in Exclude<Numeric<C>, K>]?: number },
): RowChange => ({ kind: "add", table, key, amounts });
/** Adds to the row, or begins it: with what `otherwise` says, and numbers that nobody mentions at 0. */
export const accumulate = <C extends Columns, K extends keyof C & string>(
  table: Table<C, K>,
  key: KeyOf<C, K>,
  amounts: { [N in Exclude<Numeric<C>, K>]?: number },
  otherwise: Omit<Row<C>, K | Numeric<C>> & { [N in Exclude<Numeric<C>, K>]?: Value<C[N]> },
): RowChange => ({ kind: "accumulate", table, key, amounts, otherwise });
export const remove = <C extends Columns, K extends keyof C & string>(
  table: Table<C, K>,
  key: KeyOf<C, K>,
): RowChange => ({ kind: "remove", table, key });

/** What personal data looks like in the store: read models keep it like that, or not at all. */
type Stored = Pick<StoredEvent, "stream" | "data" | "metadata">;
/** Where an event stands, beside its data. */
export type Occurrence = Recording & { stored: Stored };
type Recording = { id: string; revision: bigint; position: bigint; metadata: Metadata };

type EventsOf<A extends EventSource> = A extends EventSource<infer D> ? EventOf<D> : never;
type Change = RowChange | readonly RowChange[];

/** What one event changes in some of a projection's tables. */
export type Effect<Data> = (data: Data, occurrence: Occurrence) => Change;
/** One event's changes in several tables, each told apart from the others. */
export const each =
  <Data>(...parts: readonly Effect<NoInfer<Data>>[]): Effect<Data> =>
  (data, occurrence) => {
    const changes: RowChange[] = [];
    for (const part of parts) {
      const change = part(data, occurrence);
      if ("kind" in change) changes.push(change);
      else changes.push(...change);
    }
    return changes;
  };

/** Every event of the aggregates must be named: written down, or `ignore`d in so many words. */
type When<E extends { type: string; data: unknown }> = {
  [T in E["type"]]: (data: Extract<E, { type: T }>["data"], occurrence: Occurrence) => Change;
};
export const ignore = (): Change => [];

export type Projection = {
  name: string;
  /** Bump it when the same events should give other rows: the projection is then rebuilt beside the live one. */
  version: number;
  tables: readonly Table[];
  of: readonly EventSource[];
  when: Readonly<Record<string, (data: never, occurrence: Occurrence) => Change>>;
};

export const projection = <const A extends readonly EventSource[]>(
  definition: Omit<Projection, "of" | "when"> & { of: A; when: When<EventsOf<A[number]>> },
): Projection => definition;

/** What one event changes in the rows of a projection that follows its stream. */
export const changesOf = (
  { name, when }: Projection,
  { type, data, ...recording }: Recording & { type: string; data: unknown },
  stored: Stored,
): readonly RowChange[] => {
  const change = when[type];
  if (!change) throw new Error(`the projection ${name} does not know the event ${type}`);
  // The codec has checked the data against the schema of this type, for which `projection` has typed the function.
  const changes = change(data as never, { ...recording, stored });
  return "kind" in changes ? [changes] : changes;
};
