/** What a statement may carry to the server beside its text. JSON goes as a string. */
type Parameter = string | number | bigint | boolean | null | Date | Uint8Array | readonly Parameter[];

/** Marks what this file made, so that no object from a request body can pass for a piece of SQL. */
const made = Symbol("sql");

/** A statement or a piece of one: `values[0]` stands between `pieces[0]` and `pieces[1]`, and so on. */
export type Sql = {
  readonly [made]: true;
  readonly pieces: readonly string[];
  readonly values: readonly Parameter[];
  /** Of a statement that stands in one place with all its text: a connection has the server plan it once. */
  readonly name?: string;
};

const isSql = (part: Sql | Parameter): part is Sql => typeof part === "object" && part !== null && made in part;

/** A statement as text with its parameters apart: whatever stands in `${}` never becomes text, except other `sql`. */
export const sql = (texts: TemplateStringsArray, ...parts: readonly (Sql | Parameter)[]): Sql => {
  const statement = woven(texts, parts);
  const isWhole = parts.length > 0 && !parts.some(isSql);
  return isWhole ? { ...statement, name: nameOf(texts) } : statement;
};

/** JavaScript gives every place in the source one `TemplateStringsArray`, so there are as many names as places. */
const names = new WeakMap<TemplateStringsArray, string>();
let namesGiven = 0;

const nameOf = (texts: TemplateStringsArray): string => {
  const known = names.get(texts);
  if (known !== undefined) return known;
  namesGiven += 1;
  const name = `everfold_${namesGiven}`;
  names.set(texts, name);
  return name;
};

const woven = (texts: readonly string[], parts: readonly (Sql | Parameter)[]): Sql => {
  const pieces = [texts[0] ?? ""];
  const values: Parameter[] = [];
  const append = (text: string) => pieces.push(`${pieces.pop() ?? ""}${text}`);
  parts.forEach((part, index) => {
    if (isSql(part)) {
      const [first = "", ...rest] = part.pieces;
      append(first);
      pieces.push(...rest);
      values.push(...part.values);
    } else {
      pieces.push("");
      values.push(part);
    }
    append(texts[index + 1] ?? "");
  });
  return { [made]: true, pieces, values };
};

/** The statement's text with `$1…` for its values. */
export const textOf = ({ pieces }: Sql): string => pieces.reduce((text, piece, index) => `${text}$${index}${piece}`);

/** A name that our own code chose, schema and table as two names. Throws on anything that is not a plain name. */
export const identifier = (...names: readonly string[]): Sql => {
  for (const name of names) if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name)) throw new Error(`not a name for SQL: ${name}`);
  return { [made]: true, pieces: [names.map((name) => `"${name}"`).join(".")], values: [] };
};

/** Pieces in a row, separated by commas. */
export const list = (items: readonly (Sql | Parameter)[]): Sql =>
  woven(
    items.map((_, index) => (index === 0 ? "" : ", ")),
    items,
  );
