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
  return sql`insert into ${name} (${names(columns)}) ${selection(table, fieldsOf(columns, rows))}`;
};

const removal = (name: Sql, table: Table, rows: readonly Values[]): Sql => sql`
  delete from ${name} as present using (${selection(table, fieldsOf(table.key, rows))}) as gone
  where (${names(table.key, "present")}) = (${names(table.key, "gone")})`;

const updating = (name: Sql, table: Table, update: Update): Sql => {
  const keys = update.rows.map(keyIn);
  const fields = [...fieldsOf(table.key, keys), ...changedFields(update, (column) => column)];
  return sql`
    update ${name} as present set ${assignments(update, (column) => column)}
    from (${selection(table, fields)}) as next
    where (${names(table.key, "present")}) = (${names(table.key, "next")})`;
};

/**
 * What a row begins with and what changes in one that is there are two things once it was set or added to as well, so
 * both go along; `on conflict` knows only the former. Nobody else writes these tables, which `merge` relies on.
 */
const merging = (name: Sql, table: Table, merge: Merge): Sql => {
  const { set, add, absent } = merge;
  const columns = Object.keys(table.columns);
  const fields = [...fieldsOf(columns, absent), ...changedFields(merge, changeOf)];
  const change = set.length + add.length === 0 ? sql`do nothing` : sql`update set ${assignments(merge, changeOf)}`;
  return sql`
    merge into ${name} as present using (${selection(table, fields)}) as next
    on (${names(table.key, "present")}) = (${names(table.key, "next")})
    when matched then ${change}
    when not matched then insert (${names(columns)}) values (${names(columns, "next")})`;
};

const changeOf = (column: string): string => `then_${column}`;

const assignments = ({ set, add }: Update, next: (column: string) => string): Sql =>
  list([
    ...set.map((column) => sql`${identifier(column)} = ${identifier("next", next(column))}`),
    ...add.map(
      (column) => sql`${identifier(column)} = ${identifier("present", column)} + ${identifier("next", next(column))}`,
    ),
  ]);

const names = (columns: readonly string[], of?: string): Sql =>
  list(columns.map((column) => (of === undefined ? identifier(column) : identifier(of, column))));

const keyIn = ({ key }: ChangedRow): Values => key;

/** What the rows of a statement say for one column, and what it is called there. */
type Field = { column: string; as: string; rows: readonly Values[] };

const fieldsOf = (columns: readonly string[], rows: readonly Values[]): Field[] =>
  columns.map((column) => ({ column, as: column, rows }));

const changedFields = ({ set, add, rows }: Update, next: (column: string) => string): Field[] => {
  const [sets, adds] = [rows.map((row) => row.set), rows.map((row) => row.add)];
  return [
    ...set.map((column) => ({ column, as: next(column), rows: sets })),
    ...add.map((column) => ({ column, as: next(column), rows: adds })),
  ];
};

/**
 * The rows: a typed array for each column, and one value for a column that says the same in all of them, as many do.
 * The first column of the key is always an array, so that there are as many rows as there should be.
 */
const selection = ({ name, columns, key }: Table, fields: readonly Field[]): Sql => {
  const selected: Sql[] = [];
  const arrays: Sql[] = [];
  const varying: Sql[] = [];
  for (const { column, as, rows } of fields) {
    const type = columns[column];
    if (type === undefined) throw new Error(`the table ${name} has no column ${column}`);
    const alias = identifier(as);
    if (column === key[0] || !isSame(rows, column)) {
      arrays.push(sql`${arrayText(rows, column, isText(type))}${types[type]}[]`);
      varying.push(alias);
      selected.push(alias);
    } else selected.push(sql`${one(rows[0]?.[column])}${types[type]} as ${alias}`);
  }
  return sql`select ${list(selected)} from unnest(${list(arrays)}) as each (${list(varying)})`;
};

const isSame = (rows: readonly Values[], column: string): boolean => {
  const first = rows[0]?.[column];
  return rows.every((row) => row[column] === first);
};

const one = (value: unknown): string | null => (value === null || value === undefined ? null : String(value));

const isText = (type: Table["columns"][string]): boolean => type.startsWith("text") || type.startsWith("jsonb");

/** Said of each value and array: they come from the table, because nulls and empty texts have none. */
const types: Readonly<Record<Table["columns"][string], Sql>> = {
  uuid: sql`::uuid`,
  "uuid null": sql`::uuid`,
  text: sql`::text`,
  "text null": sql`::text`,
  bigint: sql`::bigint`,
  "bigint null": sql`::bigint`,
  integer: sql`::integer`,
  "integer null": sql`::integer`,
  boolean: sql`::boolean`,
  "boolean null": sql`::boolean`,
  timestamptz: sql`::timestamptz`,
  "timestamptz null": sql`::timestamptz`,
  date: sql`::date`,
  "date null": sql`::date`,
  jsonb: sql`::jsonb`,
  "jsonb null": sql`::jsonb`,
};
