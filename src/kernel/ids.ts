import { hash } from "node:crypto";

/**
 * A UUID (version 8 of RFC 9562) that follows from its parts alone: users and workspaces get theirs from the command
 * that makes them, so that a retry makes no second one. Events differ with each delivery of it (decision 11).
 */
export const derivedId = (...parts: readonly (string | number)[]): string => {
  const hex = digestOf(parts);
  return uuid8(hex.slice(0, 12), hex);
};

/**
 * The id of an event where its stream is long: as a derived one, and it begins with the event's revision (48 bits,
 * big-endian). So an id says where its event stands, and nobody has to search for it.
 */
export const idAt = (revision: bigint, ...parts: readonly (string | number)[]): string => {
  if (revision < 0n || revision > revisionMax) throw new RangeError(`an id cannot begin with revision ${revision}`);
  return uuid8(revision.toString(16).padStart(revisionDigits, "0"), digestOf(parts));
};

/** Where the event with this id stands if it was made by `idAt`: whether it does, its stream says. */
export const revisionIn = (id: string): bigint | undefined => {
  const [, high, low] = uuid8Pattern.exec(id) ?? [];
  return high === undefined ? undefined : BigInt(`0x${high}${low}`);
};

const revisionMax = 2n ** 48n - 1n;
const revisionDigits = 12;
const uuid8Pattern = /^([0-9a-f]{8})-([0-9a-f]{4})-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

const digestOf = (parts: readonly (string | number)[]): string => hash("sha256", parts.join("/"), "hex");

/** Its first 48 bits are given, the others those of a digest but for the six that are fixed. */
const uuid8 = (first: string, digest: string): string => {
  const variant = ((Number.parseInt(digest.charAt(16), 16) & 0x3) | 0x8).toString(16);
  const tail = `8${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  return `${first.slice(0, 8)}-${first.slice(8)}-${tail}`;
};
