import { identifier, list, type Sql, sql } from "../platform/sql.ts";
import { arrayText } from "./arrayText.ts";
import type { Table } from "./projection.ts";
import type { ChangedRow, Merge, TableChanges, Update } from "./rowChanges.ts";

type Values = Readonly<Record<string, unknown>>;

/** One statement for each table and kind of change, whatever the number of rows. `schema` is where the tables are. */
export const statementsOf = (changes: readonly TableChanges[], schema: string): Sql[] =>
  changes.flatMap(({ table, removals, updates, merges, inserts }) => {
    const name = identifier(schema, table.name);
    return [
      ...(removals.length === 0 ? [] : [removal(name, table, removals)]),
      ...updates.map((update) => updating(name, table, update)),
      ...merges.map((merge) => merging(name, table, merge)),
      ...(inserts.length === 0 ? [] : [insertion(name, table, inserts)]),
    ];
  });

const insertion = (name: Sql, table: Table, rows: readonly Values[]): Sql => {
  const columns = Object.keys(table.columns);
  return sql`insert into ${name} (${names(columns)}) select * from unnest(${list(arrays(table, columns, rows))})`;
};

const removal = (name: Sql, table: Table, rows: readonly Values[]): Sql => sql`
  delete from ${name} as present using unnest(${list(arrays(table, table.key, rows))}) as gone (${names(table.key)})
  where (${names(table.key, "present")}) = (${names(table.key, "gone")})`;

const updating = (name: Sql, table: Table, update: Update): Sql => {
  const { set, add, rows } = update;
  const keys = arrays(table, table.key, rows.map(keyIn));
  return sql`
    update ${name} as present set ${assignments(update, (column) => identifier("next", column))}
    from unnest(${list([...keys, ...changedArrays(table, update)])}) as next (${names([...table.key, ...set, ...add])})
    where (${names(table.key, "present")}) = (${names(table.key, "next")})`;
};

/**
 * What a row begins with and what changes in one that is there are two things once it was set or added to as well, so
 * both go along; `on conflict` knows only the former. Nobody else writes these tables, which `merge` relies on.
 */
const merging = (name: Sql, table: Table, merge: Merge): Sql => {
  const { set, add, absent } = merge;
  const columns = Object.keys(table.columns);
  const changed = [...set, ...add].map(changeOf);
  const change = changed.length === 0 ? sql`do nothing` : sql`update set ${assignments(merge, changeOf)}`;
  return sql`
    merge into ${name} as present
    using unnest(${list([...arrays(table, columns, absent), ...changedArrays(table, merge)])})
      as next (${list([names(columns), ...changed])})
    on (${names(table.key, "present")}) = (${names(table.key, "next")})
    when matched then ${change}
    when not matched then insert (${names(columns)}) values (${names(columns, "next")})`;
};

const changeOf = (column: string): Sql => identifier(`then_${column}`);

const assignments = ({ set, add }: Update, next: (column: string) => Sql): Sql =>
  list([
    ...set.map((column) => sql`${identifier(column)} = ${next(column)}`),
    ...add.map((column) => sql`${identifier(column)} = ${identifier("present", column)} + ${next(column)}`),
  ]);

const names = (columns: readonly string[], of?: string): Sql =>
  list(columns.map((column) => (of === undefined ? identifier(column) : identifier(of, column))));

const keyIn = ({ key }: ChangedRow): Values => key;
const setIn = ({ set }: ChangedRow): Values => set;
const addIn = ({ add }: ChangedRow): Values => add;

const changedArrays = (table: Table, { set, add, rows }: Update): Sql[] => [
  ...arrays(table, set, rows.map(setIn)),
  ...arrays(table, add, rows.map(addIn)),
];

/** A typed array for each column: the types come from the table, because nulls and empty texts have none. */
const arrays = (table: Table, columns: readonly string[], rows: readonly Values[]): Sql[] =>
  columns.map((column) => {
    const type = table.columns[column];
    if (type === undefined) throw new Error(`the table ${table.name} has no column ${column}`);
    return sql`${arrayText(rows, column, isText(type))}${arrayTypes[type]}`;
  });

const isText = (type: Table["columns"][string]): boolean => type.startsWith("text") || type.startsWith("jsonb");

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
  date: sql`::date[]`,
  "date null": sql`::date[]`,
  jsonb: sql`::jsonb[]`,
  "jsonb null": sql`::jsonb[]`,
};
