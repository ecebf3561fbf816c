import { canonical } from "../../eventstore/chain.ts";

/** A row by its columns: as Postgres has it, or as it should be. */
export type Row = Readonly<Record<string, unknown>>;
/** `key`: what tells the rows of one ledger apart. */
export type AuditedTable = { name: string; key: readonly string[] };

/** Where a row is not what it should be: table, key, column, what is found and what should be there. */
export const unlike = (table: AuditedTable, found: Row, should: Row): string[] =>
  [...new Set([...Object.keys(should), ...Object.keys(found)])].flatMap((column) => {
    const [is, expected] = [shown(found[column]), shown(should[column])];
    return is === expected ? [] : [`${nameOf(table, should)}: ${column} is ${is}, and should be ${expected}.`];
  });

/** The same of all rows of a table by their keys, and which are missing or too many. */
export const unlikeRows = (table: AuditedTable, found: readonly Row[], should: readonly Row[]): string[] => {
  const byName = new Map(found.map((row) => [nameOf(table, row), row]));
  const expected = new Set(should.map((row) => nameOf(table, row)));
  return [
    ...should.flatMap((row) => {
      const is = byName.get(nameOf(table, row));
      return is ? unlike(table, is, row) : [missing(table, row)];
    }),
    ...found.flatMap((row) => (expected.has(nameOf(table, row)) ? [] : [inNoEvent(table, row)])),
  ];
};

export const missing = (table: AuditedTable, row: Row): string => `${nameOf(table, row)} is missing.`;
export const inNoEvent = (table: AuditedTable, row: Row): string => `${nameOf(table, row)} is in no event.`;

const nameOf = ({ name, key }: AuditedTable, row: Row): string =>
  [name, key.map((column) => `${column} ${shown(row[column])}`).join(", ")].filter((part) => part !== "").join(" ");

/** Values are the same when their texts are: JSON in its one spelling, and numbers whichever type holds them. */
const shown = (value: unknown): string => {
  if (value === undefined) return "nothing";
  if (value === "") return '""';
  return typeof value === "object" ? canonical(value) : String(value);
};
