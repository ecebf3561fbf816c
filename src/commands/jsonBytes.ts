/**
 * How many bytes a value takes as JSON, or one more for each list and object: counted, which takes a third of the time
 * of spelling it.
 */
export const jsonBytes = (value: unknown): number => {
  if (typeof value === "string") return plain.test(value) ? value.length + 2 : Buffer.byteLength(JSON.stringify(value));
  if (!isObject(value)) return String(value).length;
  let bytes = 2;
  if (Array.isArray(value)) for (const item of value) bytes += jsonBytes(item) + 1;
  else for (const name in value) bytes += jsonBytes(name) + jsonBytes(value[name]) + 2;
  return bytes;
};

/** One byte a character, and none to be escaped. */
const plain = /^[ !#-[\]-~]*$/;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
