/** A row, or as much of it as is known. */
type Row = object;

/** Where fields are not what they should be, in words. */
export const unlike = (what: string, found: Row, should: Row): string[] =>
  Object.entries(should).flatMap(([field, value]) => {
    const is: unknown = Reflect.get(found, field);
    return is === value ? [] : [`${what}: ${field} is ${String(is)}, and should be ${String(value)}.`];
  });

/** The same of rows by their keys, and which are missing or too many. */
export const unlikeRows = <Key>(
  what: string,
  found: ReadonlyMap<Key, Row>,
  should: ReadonlyMap<Key, Row>,
): string[] => [
  ...[...should].flatMap(([key, row]) => {
    const is = found.get(key);
    return is ? unlike(`${what} ${key}`, is, row) : [`${what} ${key} is missing.`];
  }),
  ...[...found.keys()].flatMap((key) => (should.has(key) ? [] : [`${what} ${key} is in no event.`])),
];
