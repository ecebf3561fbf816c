import { hash } from "node:crypto";
import type { NewEvent } from "./store.ts";

type Values = Readonly<Record<string, unknown>>;
type Link = { id: string; type: string; data: unknown; metadata: Values };
type Chained = Link & { revision: bigint };

/**
 * RFC 8785: one spelling for each JSON value, whatever wrote it. Throws on what JSON cannot say, half a character
 * included. Every event of a ledger is spelled so on its way into the store: that may cost no more than a few µs.
 */
export const canonical = (value: unknown): string => (isInOrder(value) ? JSON.stringify(value) : spelled(value));

/** Whether JSON as JavaScript itself writes it is that one spelling: it is by far the fastest. */
const isInOrder = (value: unknown): boolean => {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value === "number") return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isInOrder);
  if (!isObject(value)) return value === null || typeof value === "boolean";
  let last = "";
  for (const name in value) {
    if (name < last || !name.isWellFormed() || !isInOrder(value[name])) return false;
    last = name;
  }
  return !(value instanceof Date);
};

const spelled = (value: unknown): string => {
  if (value === null) return "null";
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item === undefined ? null : item)).join()}]`;
  if (isObject(value)) return canonicalObject(value);
  if (typeof value === "string" && value.isWellFormed()) return JSON.stringify(value);
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  if (typeof value === "boolean") return value ? "true" : "false";
  throw new TypeError("there is no JSON for this value");
};

const isObject = (value: unknown): value is Values => typeof value === "object" && value !== null;

/** Hardly any name has what must be escaped, and that is seen at less cost than escaping takes. */
const plainName = /^[\w$]+$/;

/** Names go by their UTF-16 code units, which is how JavaScript sorts. */
const canonicalObject = (object: Values, without?: string): string => {
  let text = "";
  for (const name of Object.keys(object).sort()) {
    const value = object[name];
    if (value === undefined || name === without) continue;
    const label = plainName.test(name) ? `"${name}":` : `${canonical(name)}:`;
    text += (text === "" ? label : `,${label}`) + canonical(value);
  }
  return `{${text}}`;
};

/**
 * The link of one event to the one before it: SHA-256, hex, over the previous link (for the first event: the
 * workspace's id), the event's id, its type, its data and its metadata but for the link itself, both canonical and as
 * stored, one a line. None of them can hold a line break, so no two histories have the same text.
 */
export const linkOf = (previous: string, { id, type, data, metadata }: Link): string =>
  linkOver(previous, id, type, canonical(data), unlinked(metadata));

const unlinked = (metadata: Values): string =>
  metadata["chain"] === undefined ? canonical(metadata) : canonicalObject(metadata, "chain");

const linkOver = (previous: string, id: string, type: string, data: string, metadata: string): string =>
  hash("sha256", `${previous}\n${id}\n${type}\n${data}\n${metadata}`, "hex");

/** The event with its link, and as JSON: what the link was made of need not be spelled again to be stored. */
export const linked = (previous: string, event: NewEvent): NewEvent & { metadata: { chain: string } } => {
  const [data, others] = [canonical(event.data), unlinked(event.metadata)];
  const chain = linkOver(previous, event.id, event.type, data, others);
  const json = { data, metadata: `${others.slice(0, -1)},"chain":"${chain}"}` };
  return { ...event, metadata: { ...event.metadata, chain }, json };
};

export type ChainVerdict =
  | { isIntact: true; revision: bigint; chain: string }
  /** `brokenAt`: the revision of the first event that is not where, or not what, it was when it was written. */
  | { isIntact: false; brokenAt: bigint };

/** Follows a whole stream from its first event. A tail that was cut off leaves the chain intact: seals find that. */
export const verifyChain = async (
  first: string,
  events: AsyncIterable<Chained> | Iterable<Chained>,
): Promise<ChainVerdict> => {
  let revision = -1n;
  let chain = first;
  for await (const event of events) {
    chain = linkOf(chain, event);
    revision += 1n;
    if (event.revision !== revision || event.metadata["chain"] !== chain)
      return { isIntact: false, brokenAt: revision };
  }
  return { isIntact: true, revision, chain };
};
