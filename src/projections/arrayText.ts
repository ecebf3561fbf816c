type Values = Readonly<Record<string, unknown>>;

/**
 * A column of rows, as Postgres reads arrays. The builders of row changes have typed the values by the table's columns:
 * in nothing but text, which JSON is too, can be what has a meaning in an array.
 */
export const arrayText = (rows: readonly Values[], column: string, isText: boolean): string => {
  let text = "{";
  for (const row of rows) {
    const value = row[column];
    if (text.length > 1) text += ",";
    if (value === null || value === undefined) text += "null";
    else text += isText ? quoted(String(value)) : String(value);
  }
  return `${text}}`;
};

const quoted = (value: string): string =>
  `"${value.includes('"') || value.includes("\\") ? value.replaceAll(/["\\]/g, "\\$&") : value}"`;
