/**
 * What a node of an event store promises its callers, as pure functions over the list of everything that was written.
 * Nothing here is fast, durable or concurrent; it only says which answers are right. Where two servers that both keep
 * the promise may answer differently, there is more than one outcome.
 */

export type Proposed = {
  readonly id: string;
  readonly type: string;
  readonly isJson: boolean;
  /** Text when it is not JSON. */
  readonly data: unknown;
  readonly metadata: unknown;
};

/** The id is absent where the server chose it. */
type Content = Omit<Proposed, "id"> & { readonly id: string | undefined };

/** `place` is the index in the order of all commits. */
export type Stored = Content & { readonly stream: string; readonly revision: bigint; readonly place: number };

export type Store = {
  readonly log: readonly Stored[];
  /** Ids at this place and later were written by the running process and are remembered; older ones perhaps. */
  readonly remembersFrom: number;
};

export type Expected = bigint | "any" | "no_stream" | "stream_exists";

/** A deletion tells no revision, and an append of no events takes no place. */
export type Answer =
  | { readonly kind: "accepted"; readonly revision: bigint | undefined; readonly place: number | undefined }
  | { readonly kind: "wrongExpectedRevision"; readonly current: bigint }
  | { readonly kind: "streamDeleted" };

export type Outcome = { readonly answer: Answer; readonly store: Store };

export const noRevision = -1n;
export const tombstoneRevision = 2n ** 63n - 1n;
/** What the greatest int64 becomes when JSON is read into a number. */
const hidesAll = 2 ** 63;

export const restarted = (store: Store): Store => ({ ...store, remembersFrom: store.log.length });

export const headOf = (store: Store, stream: string): bigint =>
  store.log.findLast((event) => event.stream === stream)?.revision ?? noRevision;

export const metastreamOf = (stream: string): string => `$$${stream}`;
const isMetastream = (stream: string): boolean => stream.startsWith("$$");
const describedBy = (metastream: string): string => metastream.slice(2);

export const isTombstoned = (store: Store, stream: string): boolean =>
  headOf(store, stream) === tombstoneRevision ||
  (isMetastream(stream) && headOf(store, describedBy(stream)) === tombstoneRevision);

/** What hides events of a stream. `$maxAge` is missing: no test lasts as long as the ages it sets. */
type Retention = { readonly truncatedBefore: bigint; readonly maxCount: bigint | undefined };

const unrestricted: Retention = { truncatedBefore: 0n, maxCount: undefined };

function metadataOf(store: Store, stream: string): Readonly<Record<string, unknown>> {
  const data = store.log.findLast((event) => event.stream === metastreamOf(stream))?.data;
  return typeof data === "object" && data !== null ? { ...data } : {};
}

function retentionOf(store: Store, stream: string): Retention {
  if (isMetastream(stream)) return { ...unrestricted, maxCount: 1n };
  const metadata = metadataOf(store, stream);
  const recognised = ["$maxAge", "$maxCount", "$tb", "$cacheControl"].filter((key) => key in metadata);
  if (!recognised.every((key) => Number.isInteger(metadata[key]))) return unrestricted;
  const { $tb: truncateBefore, $maxCount: maxCount } = metadata;
  return {
    truncatedBefore: typeof truncateBefore === "number" && truncateBefore > 0 ? BigInt(truncateBefore) : 0n,
    maxCount: typeof maxCount === "number" && maxCount > 0 ? BigInt(maxCount) : undefined,
  };
}

const isSoftDeleted = (store: Store, stream: string): boolean =>
  retentionOf(store, stream).truncatedBefore >= BigInt(hidesAll);

function visible(store: Store, stream: string): readonly Stored[] {
  if (isTombstoned(store, stream)) return [];
  const { truncatedBefore, maxCount } = retentionOf(store, stream);
  const first = maxCount === undefined ? 0n : headOf(store, stream) - maxCount + 1n;
  const own = store.log.filter((event) => event.stream === stream);
  return own.filter(({ revision }) => revision >= first && revision >= truncatedBefore);
}

type Verdict = { readonly kind: "write" } | { readonly kind: "repeated"; readonly last: Stored } | Refusal;
type Refusal = Exclude<Answer, { kind: "accepted" }>;

function decide(store: Store, stream: string, expected: Expected, ids: readonly string[], oldest: number): Verdict {
  const current = headOf(store, stream);
  const wrong = { kind: "wrongExpectedRevision", current } as const;
  if (isTombstoned(store, stream)) return { kind: "streamDeleted" };
  if (expected === "stream_exists") {
    if (isSoftDeleted(store, stream)) return { kind: "streamDeleted" };
    if (current === noRevision && headOf(store, metastreamOf(stream)) === noRevision) return wrong;
  }
  if (expected === "any" || expected === "stream_exists") {
    const found = ids.map((id) => store.log.findLast((event) => event.id === id && event.place >= oldest));
    const known = found.filter((event) => event?.stream === stream);
    if (known[0] === undefined || found[0] !== known[0]) return { kind: "write" };
    const last = known.at(-1);
    return known.length === ids.length && last !== undefined ? { kind: "repeated", last } : wrong;
  }
  const expectedRevision = expected === "no_stream" ? noRevision : expected;
  if (expectedRevision === current) return { kind: "write" };
  if (expectedRevision > current) return wrong;
  const following = store.log.filter((event) => event.stream === stream && event.revision > expectedRevision);
  if (ids[0] !== undefined && ids[0] !== following[0]?.id)
    return expected === "no_stream" && isSoftDeleted(store, stream) ? { kind: "write" } : wrong;
  const last = following[ids.length - 1];
  const isRepeated = ids.every((id, index) => id === following[index]?.id);
  return last !== undefined && isRepeated ? { kind: "repeated", last } : wrong;
}

function written(store: Store, stream: string, events: readonly Content[]): Store {
  const next = headOf(store, stream) + 1n;
  const at = (index: number) => ({ stream, revision: next + BigInt(index), place: store.log.length + index });
  return { ...store, log: [...store.log, ...events.map((event, index) => ({ ...event, ...at(index) }))] };
}

const byServer = { id: undefined, metadata: undefined };
const metadataEvent = (data: object) => ({ ...byServer, type: "$metadata", isJson: true, data });

/** What makes a soft-deleted stream live again, from `first` on. */
const revived = (store: Store, stream: string, first: bigint): Store =>
  written(store, metastreamOf(stream), [metadataEvent({ ...metadataOf(store, stream), $tb: Number(first) })]);

function accepted(store: Store, revision: bigint | undefined, place: number | undefined): Outcome {
  return { answer: { kind: "accepted", revision, place }, store };
}

/** One outcome for each way in which the ids of former processes may be remembered: all from some place on. */
export function append(store: Store, stream: string, expected: Expected, events: readonly Proposed[]): Outcome[] {
  const ids = events.map(({ id }) => id);
  const older = store.log.slice(0, store.remembersFrom).filter(({ id }) => id !== undefined && ids.includes(id));
  return [store.remembersFrom, ...older.map(({ place }) => place)].map((oldest) => {
    const verdict = decide(store, stream, expected, ids, oldest);
    if (verdict.kind === "repeated") return accepted(store, verdict.last.revision, verdict.last.place);
    if (verdict.kind !== "write") return { answer: verdict, store };
    if (events.length === 0) return accepted(store, headOf(store, stream), undefined);
    let after = written(store, stream, events);
    const last = after.log.at(-1);
    const described = isMetastream(stream) ? describedBy(stream) : stream;
    if (isSoftDeleted(store, described)) after = revived(after, described, headOf(store, described) + 1n);
    return accepted(after, last?.revision, last?.place);
  });
}

/** Deletions are the server's own events: nothing can be taken for their repetition. */
const decideDeletion = (store: Store, stream: string, expected: Expected): Verdict =>
  decide(store, stream, expected, ["an id of no event"], 0);

export function softDelete(store: Store, stream: string, expected: Expected): Outcome {
  const verdict = decideDeletion(store, stream, expected);
  if (verdict.kind === "streamDeleted" || verdict.kind === "wrongExpectedRevision") return { answer: verdict, store };
  if (headOf(store, stream) === noRevision && headOf(store, metastreamOf(stream)) === noRevision)
    return { answer: { kind: "wrongExpectedRevision", current: noRevision }, store };
  const after = written(store, metastreamOf(stream), [metadataEvent({ $tb: hidesAll })]);
  return accepted(after, undefined, store.log.length);
}

export function tombstone(store: Store, stream: string, expected: Expected): Outcome {
  const verdict = decideDeletion(store, stream, expected);
  if (verdict.kind === "streamDeleted" || verdict.kind === "wrongExpectedRevision") return { answer: verdict, store };
  const where = { stream, revision: tombstoneRevision, place: store.log.length };
  const end = { ...byServer, type: "$streamDeleted", isJson: false, data: "", ...where };
  return accepted({ ...store, log: [...store.log, end] }, undefined, where.place);
}

/** An event as a reader gets it: a resolved link comes along, and alone when what it points to cannot be seen. */
export type Seen = { readonly event: Stored | undefined; readonly link: Stored | undefined };

function seen(store: Store, event: Stored, resolvesLinks: boolean): Seen {
  const [, revision, stream] = /^(\d+)@(.+)$/.exec(String(event.data)) ?? [];
  const isLink = event.type === "$>" && revision !== undefined && stream !== undefined;
  if (!resolvesLinks || !isLink) return { event, link: undefined };
  return { event: visible(store, stream).find((target) => target.revision === BigInt(revision)), link: event };
}

/** `from` is a revision, or a place among all; both ends are meant when it is absent. */
export type Range = {
  readonly from: bigint | undefined;
  readonly direction: "forwards" | "backwards";
  readonly maxCount: number;
  readonly resolvesLinks: boolean;
};

export function readStream(store: Store, stream: string, range: Range): readonly Seen[] | "streamDeleted" | "notFound" {
  if (isTombstoned(store, stream)) return "streamDeleted";
  if (headOf(store, stream) === noRevision || isSoftDeleted(store, stream)) return "notFound";
  const { from, direction, maxCount, resolvesLinks } = range;
  const events =
    direction === "forwards"
      ? visible(store, stream).filter(({ revision }) => revision >= (from ?? 0n))
      : visible(store, stream)
          .filter(({ revision }) => revision <= (from ?? tombstoneRevision))
          .reverse();
  return events.slice(0, maxCount).map((event) => seen(store, event, resolvesLinks));
}

/** Forwards `from` is included, backwards it is not. Nothing is ever missing. */
export function readAll(store: Store, { from, direction, maxCount, resolvesLinks }: Range): readonly Seen[] {
  const end = from === undefined ? undefined : Number(from);
  const events = direction === "forwards" ? store.log.slice(end) : store.log.slice(0, end).toReversed();
  return events.slice(0, maxCount).map((event) => seen(store, event, resolvesLinks));
}

type Pattern = { readonly prefixes: readonly string[] } | { readonly regex: string };
export type Filter = Pattern & { readonly on: "stream" | "type" };

/** A subscription to a stream, or to all when that is absent. `after` is a revision, or a place among all. */
export type Watch = {
  readonly stream: string | undefined;
  readonly after: bigint;
  readonly filter: Filter | undefined;
  readonly resolvesLinks: boolean;
};

/** Whether an event that is truncated the moment it is written still reaches those who listen is left open. */
export type Delivery = { readonly seen: Seen; readonly isCertain: boolean };

function isWatched({ stream, after, filter }: Watch, event: Stored): boolean {
  if (stream !== undefined) return event.stream === stream && event.revision > after;
  if (event.place <= after || filter === undefined) return event.place > after;
  const subject = filter.on === "stream" ? event.stream : event.type;
  if ("regex" in filter) return new RegExp(filter.regex).test(subject);
  return filter.prefixes.some((prefix) => subject.startsWith(prefix));
}

function deliveriesOf(store: Store, watch: Watch, events: readonly Stored[]): Delivery[] {
  const shown = watch.stream === undefined ? events : visible(store, watch.stream);
  const watched = events.filter((event) => isWatched(watch, event));
  return watched.map((event) => ({
    seen: seen(store, event, watch.resolvesLinks),
    isCertain: shown.includes(event) || event.revision === tombstoneRevision,
  }));
}

/** What a subscription gets that begins now. */
export const history = (store: Store, watch: Watch): Delivery[] =>
  deliveriesOf(store, watch, watch.stream === undefined ? store.log : visible(store, watch.stream));

/** What a subscription gets of what was written since `before`. */
export const news = (before: Store, store: Store, watch: Watch): Delivery[] =>
  deliveriesOf(store, watch, store.log.slice(before.log.length));
