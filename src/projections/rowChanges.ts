import { identifier, list, type Parameter, type Sql, sql } from "../platform/sql.ts";
import type { RowChange, Table } from "./projection.ts";

type Values = Readonly<Record<string, unknown>>;
type Draft = Record<string, unknown>;

/**
 * All that many changes do to one table in the end: no row appears twice, except that a row in both `removals` and
 * `inserts` is another one under the same key. To be carried out in this order.
 */
export type TableChanges = {
  table: Table;
  /** Keys of rows to delete; that one is not there changes nothing. */
  removals: readonly Values[];
  /** Rows with the same columns set and added to; that one is not there changes nothing. */
  updates: readonly Update[];
  /** Whole rows; that one is there already is an error. */
  inserts: readonly Values[];
};
type Update = { set: readonly string[]; add: readonly string[]; rows: readonly Values[] };

/** What is known about a row after some of the changes: whether it was there before them matters only to Postgres. */
type Pending =
  | { kind: "inserted"; row: Draft; isReplacement: boolean }
  | { kind: "updated"; key: Values; set: Draft; add: Record<string, bigint> }
  | { kind: "removed"; key: Values };

/** Changes made one after the other, as the few that have the same effect. Throws where one by one would fail. */
export const foldChanges = (changes: Iterable<RowChange>): TableChanges[] => {
  const tables = new Map<Table, Map<string, Pending>>();
  for (const change of changes) {
    const rows = tables.get(change.table) ?? new Map<string, Pending>();
    tables.set(change.table, rows);
    const id = keyOf(change);
    rows.set(id, afterwards(rows.get(id), change));
  }
  return [...tables].map(([table, rows]) => summary(table, rows.values()));
};

/** Text in Postgres has no NUL, so no two keys look the same. */
const keyOf = (change: RowChange): string => {
  const values = change.kind === "insert" ? change.row : change.key;
  return change.table.key.map((column) => String(values[column])).join("\0");
};

const afterwards = (before: Pending | undefined, change: RowChange): Pending => {
  if (change.kind === "remove") return { kind: "removed", key: change.key };
  if (change.kind === "insert") return inserted(before, change);
  // A row that was removed stays so: setting its columns finds nothing.
  if (before?.kind === "removed") return before;
  const row = before ?? { kind: "updated", key: change.key, set: {}, add: {} };
  if (change.kind === "set") setColumns(row, change.values);
  else addToColumns(row, change.amounts);
  return row;
};

/** Changes before an insert, other than a removal, can only have met no row: otherwise the insert fails in Postgres. */
const inserted = (before: Pending | undefined, { table, row }: RowChange & { kind: "insert" }): Pending => {
  if (before?.kind === "inserted") throw new Error(`a row inserted twice into ${table.name}`);
  return { kind: "inserted", row: { ...row }, isReplacement: before?.kind === "removed" };
};

const setColumns = (pending: Exclude<Pending, { kind: "removed" }>, values: Values): void => {
  const target = pending.kind === "inserted" ? pending.row : pending.set;
  for (const [column, value] of Object.entries(values)) {
    if (value === undefined) continue;
    target[column] = value;
    if (pending.kind === "updated") delete pending.add[column];
  }
};

const addToColumns = (
  pending: Exclude<Pending, { kind: "removed" }>,
  amounts: Readonly<Record<string, number | undefined>>,
): void => {
  for (const [column, amount] of Object.entries(amounts)) {
    if (amount === undefined) continue;
    const known = pending.kind === "inserted" ? pending.row : pending.set;
    if (column in known) known[column] = sum(known[column], amount);
    else if (pending.kind === "updated") pending.add[column] = (pending.add[column] ?? 0n) + BigInt(amount);
  }
};

/** Only columns that hold a number, and never null, can be added to. */
const sum = (value: unknown, amount: number): bigint => BigInt(value as number | bigint) + BigInt(amount);

const summary = (table: Table, rows: Iterable<Pending>): TableChanges => {
  const removals: Values[] = [];
  const inserts: Values[] = [];
  const updates = new Map<string, { set: string[]; add: string[]; rows: Values[] }>();
  for (const pending of rows) {
    if (pending.kind === "removed") removals.push(pending.key);
    else if (pending.kind === "inserted") {
      inserts.push(pending.row);
      if (pending.isReplacement) removals.push(pending.row);
    } else {
      const set = Object.keys(pending.set).sort();
      const add = Object.keys(pending.add).sort();
      if (set.length + add.length === 0) continue;
      const columns = `${set.join()}+${add.join()}`;
      const group = updates.get(columns) ?? { set, add, rows: [] };
      updates.set(columns, group);
      group.rows.push({ ...pending.key, ...pending.set, ...pending.add });
    }
  }
  return { table, removals, updates: [...updates.values()], inserts };
};

/** One statement for each table and kind of change, whatever the number of rows. `schema` is where the tables are. */
export const statementsOf = (changes: readonly TableChanges[], schema: string): Sql[] =>
  changes.flatMap(({ table, removals, updates, inserts }) => {
    const name = identifier(schema, table.name);
    return [
      ...(removals.length === 0 ? [] : [removal(name, table, removals)]),
      ...updates.map((update) => updating(name, table, update)),
      ...(inserts.length === 0 ? [] : [insertion(name, table, inserts)]),
    ];
  });

const insertion = (name: Sql, table: Table, rows: readonly Values[]): Sql => {
  const columns = Object.keys(table.columns);
  return sql`insert into ${name} (${names(columns)}) select * from unnest(${arrays(table, columns, rows)})`;
};

const removal = (name: Sql, table: Table, rows: readonly Values[]): Sql => sql`
  delete from ${name} as present using unnest(${arrays(table, table.key, rows)}) as gone (${names(table.key)})
  where (${names(table.key, "present")}) = (${names(table.key, "gone")})`;

const updating = (name: Sql, table: Table, { set, add, rows }: Update): Sql => {
  const columns = [...table.key, ...set, ...add];
  const assignments = [
    ...set.map((column) => sql`${identifier(column)} = ${identifier("next", column)}`),
    ...add.map(
      (column) => sql`${identifier(column)} = ${identifier("present", column)} + ${identifier("next", column)}`,
    ),
  ];
  return sql`
    update ${name} as present set ${list(assignments)}
    from unnest(${arrays(table, columns, rows)}) as next (${names(columns)})
    where (${names(table.key, "present")}) = (${names(table.key, "next")})`;
};

const names = (columns: readonly string[], of?: string): Sql =>
  list(columns.map((column) => (of === undefined ? identifier(column) : identifier(of, column))));

/** A typed array for each column: the types come from the table, because nulls and empty texts have none. */
const arrays = (table: Table, columns: readonly string[], rows: readonly Values[]): Sql =>
  list(
    columns.map((column) => {
      const type = table.columns[column];
      if (type === undefined) throw new Error(`the table ${table.name} has no column ${column}`);
      // The builders of row changes have typed the values by the table's columns.
      const values = rows.map((row) => (row[column] ?? null) as Parameter);
      return sql`${values}${arrayTypes[type]}`;
    }),
  );

const arrayTypes: Readonly<Record<Table["columns"][string], Sql>> = {
  uuid: sql`::uuid[]`,
  "uuid null": sql`::uuid[]`,
  text: sql`::text[]`,
  "text null": sql`::text[]`,
  bigint: sql`::bigint[]`,
  "bigint null": sql`::bigint[]`,
  integer: sql`::integer[]`,
  "integer null": sql`::integer[]`,
  boolean: sql`::boolean[]`,
  "boolean null": sql`::boolean[]`,
  timestamptz: sql`::timestamptz[]`,
  "timestamptz null": sql`::timestamptz[]`,
};
