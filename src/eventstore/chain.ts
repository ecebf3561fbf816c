import { hash } from "node:crypto";
import canonicalize from "canonicalize";

type Link = { id: string; type: string; data: unknown };
type Chained = Link & { revision: bigint; metadata: { chain?: string } };

/** RFC 8785: one spelling for each JSON value, whatever wrote it. Throws on what JSON cannot say. */
export const canonical = (value: unknown): string => {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError("there is no JSON for this value");
  return text;
};

/**
 * The link of one event to the one before it: SHA-256, hex, over the previous link (for the first event: the
 * workspace's id), the event's id, its type and its canonical data as stored, one a line. None of them can hold a
 * line break, so no two histories have the same text.
 */
export const linkOf = (previous: string, { id, type, data }: Link): string =>
  hash("sha256", `${previous}\n${id}\n${type}\n${canonical(data)}`, "hex");

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
    if (event.revision !== revision || event.metadata.chain !== chain) return { isIntact: false, brokenAt: revision };
  }
  return { isIntact: true, revision, chain };
};
