import type { LineFormat } from "./lines.ts";

/** A column's name, and what an item has in it. */
export type CsvColumns<A> = Readonly<Record<string, (item: A) => string | number | null>>;

/** RFC 4180, with the names of the columns first. */
export const csv = <A>(columns: CsvColumns<A>): LineFormat<A> => ({
  contentType: "text/csv",
  head: row(Object.keys(columns)),
  spell: (item) => row(Object.values(columns).map((valueIn) => valueIn(item))),
});

const row = (values: readonly (string | number | null)[]): string => `${values.map(field).join(",")}\r\n`;

/**
 * Spreadsheets take a text for a formula that begins with one of these, also behind blanks, and carry it out: an
 * apostrophe makes it the text that it is.
 */
const formula = /^[\s\0]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/;

const field = (value: string | number | null): string => {
  if (typeof value === "number") return String(value);
  const text = value ?? "";
  return `"${(formula.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
};
