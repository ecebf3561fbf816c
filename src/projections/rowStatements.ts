import { identifier, list, type Parameter, type Sql, sql } from "../platform/sql.ts";
import type { Table } from "./projection.ts";
import type { Merge, TableChanges, Update } from "./rowChanges.ts";

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
  return sql`insert into ${name} (${names(columns)}) select * from unnest(${arrays(table, columns, rows)})`;
};

const removal = (name: Sql, table: Table, rows: readonly Values[]): Sql => sql`
  delete from ${name} as present using unnest(${arrays(table, table.key, rows)}) as gone (${names(table.key)})
  where (${names(table.key, "present")}) = (${names(table.key, "gone")})`;

const updating = (name: Sql, table: Table, { set, add, rows }: Update): Sql => {
  const columns = [...table.key, ...set, ...add];
  return sql`
    update ${name} as present set ${assignments({ set, add }, (column) => identifier("next", column))}
    from unnest(${arrays(table, columns, rows)}) as next (${names(columns)})
    where (${names(table.key, "present")}) = (${names(table.key, "next")})`;
};

/**
 * What a row begins with and what changes in one that is there are two things once it was set or added to as well, so
 * both go along; `on conflict` knows only the former. Nobody else writes these tables, which `merge` relies on.
 */
const merging = (name: Sql, table: Table, { set, add, rows, absent }: Merge): Sql => {
  const columns = Object.keys(table.columns);
  const changed = [...set, ...add];
  const given = list([names(columns), ...changed.map(changeOf)]);
  const values =
    changed.length === 0
      ? arrays(table, columns, absent)
      : list([arrays(table, columns, absent), arrays(table, changed, rows)]);
  const change = changed.length === 0 ? sql`do nothing` : sql`update set ${assignments({ set, add }, changeOf)}`;
  return sql`
    merge into ${name} as present using unnest(${values}) as next (${given})
    on (${names(table.key, "present")}) = (${names(table.key, "next")})
    when matched then ${change}
    when not matched then insert (${names(columns)}) values (${names(columns, "next")})`;
};

const changeOf = (column: string): Sql => identifier(`then_${column}`);

const assignments = ({ set, add }: Pick<Update, "set" | "add">, next: (column: string) => Sql): Sql =>
  list([
    ...set.map((column) => sql`${identifier(column)} = ${next(column)}`),
    ...add.map((column) => sql`${identifier(column)} = ${identifier("present", column)} + ${next(column)}`),
  ]);

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
  date: sql`::date[]`,
  "date null": sql`::date[]`,
  jsonb: sql`::jsonb[]`,
  "jsonb null": sql`::jsonb[]`,
};
