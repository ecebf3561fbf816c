import { type Expected, noRevision } from "./specification.ts";

/** A batch of events that somebody wants appended; whoever repeats it sends the same ids with the same expectation. */
export type Batch = { readonly stream: string; readonly expected: Expected; readonly ids: readonly string[] };

/** One call, as its caller saw it. Times are ticks of one clock. Without an answer it may or may not have been done. */
export type Attempt = { readonly batch: Batch; readonly calledAt: number; readonly answer: Answered | undefined };

type Answered = { readonly at: number } & (
  | { readonly kind: "accepted"; readonly revision: bigint | undefined; readonly position: bigint | undefined }
  | { readonly kind: "wrongExpectedRevision"; readonly current: bigint }
  | { readonly kind: "streamDeleted" }
);

export type Committed = {
  readonly id: string;
  readonly stream: string;
  readonly revision: bigint;
  readonly position: bigint;
};

/** What somebody read of all streams while others wrote. */
export type Snapshot = { readonly calledAt: number; readonly at: number; readonly ids: readonly string[] };

export type History = {
  readonly attempts: readonly Attempt[];
  readonly snapshots: readonly Snapshot[];
  /** The ids that a subscriber got who went on from his last event whenever the server had been away. */
  readonly followed: readonly string[];
  /** All that is there in the end, in the order of all commits. */
  readonly committed: readonly Committed[];
};

/** A batch where it was written, and the ticks between which that must have happened. */
type Block = {
  readonly batch: Batch;
  readonly events: readonly Committed[];
  readonly last: Committed;
  readonly earliest: number;
  readonly latest: number;
};

/**
 * What cannot be, if each call had its effect at one moment between its being made and its being answered, all of it or
 * nothing. The order of effects need not be searched for: the order of commits tells it for what was written, and for
 * what was refused the revision it was told. So it is enough that no two calls come in the wrong order.
 */
export function contradictions(history: History): string[] {
  const blocks = blocksOf(history);
  return [
    ...broken(history.committed),
    ...blocks.flatMap(misplaced),
    ...writtenTwice(blocks),
    ...history.attempts.flatMap((attempt) => wronglyAnswered(attempt, blocks)),
    ...outOfOrder(blocks.map((block, rank) => ({ ...block, rank, text: textOf(block.batch) }))),
    ...[...new Set(blocks.map(({ batch }) => batch.stream))].flatMap((stream) =>
      outOfOrder(effectsOn(stream, history, blocks)),
    ),
    ...wronglyFollowed(history),
    ...history.snapshots.flatMap((snapshot) => wronglySeen(snapshot, history.committed, blocks)),
  ];
}

const textOf = ({ stream, expected, ids }: Batch) =>
  `[${ids.map((id) => id.slice(0, 8))}] to ${stream}, expecting ${expected}`;

function blocksOf({ attempts, committed }: History): Block[] {
  const blocks: Block[] = [];
  for (let index = 0; index < committed.length; ) {
    const first = committed[index];
    const own = attempts.filter(({ batch }) => batch.ids[0] === first?.id && batch.stream === first?.stream);
    const batch = own[0]?.batch ?? { stream: "nowhere", expected: "any" as const, ids: [first?.id ?? ""] };
    const events = committed.slice(index, index + batch.ids.length);
    const last = events.at(-1);
    if (last === undefined) break;
    const writers = own.filter(({ answer }) => answer === undefined || answer.kind === "accepted");
    const earliest = Math.min(...writers.map(({ calledAt }) => calledAt));
    const latest = Math.min(
      ...own.map(({ answer }) => (answer?.kind === "accepted" ? answer.at : Number.POSITIVE_INFINITY)),
    );
    blocks.push({ batch, events, last, earliest, latest });
    index += events.length;
  }
  return blocks;
}

/** Revisions have no gaps, and both orders agree. */
function broken(committed: readonly Committed[]): string[] {
  const heads = new Map<string, bigint>();
  let position = -1n;
  return committed.flatMap((event) => {
    const expected = (heads.get(event.stream) ?? noRevision) + 1n;
    const isBroken = event.revision !== expected || event.position <= position;
    heads.set(event.stream, event.revision);
    position = event.position;
    return isBroken ? [`${event.stream} has revision ${event.revision} at ${position} where ${expected} belongs.`] : [];
  });
}

/** Whole, where its expectation allows it, and wanted by somebody who was not refused. */
function misplaced({ batch, events, earliest }: Block): string[] {
  const first = events[0]?.revision ?? noRevision;
  const isWhole = events.every(({ id, stream }, index) => id === batch.ids[index] && stream === batch.stream);
  return [
    ...(isWhole && events.length === batch.ids.length ? [] : [`${textOf(batch)} was not written whole.`]),
    ...(isMet(batch.expected, first - 1n) ? [] : [`${textOf(batch)} was written from revision ${first}.`]),
    ...(Number.isFinite(earliest) ? [] : [`${textOf(batch)} was written though nobody was to.`]),
  ];
}

function isMet(expected: Expected, head: bigint): boolean {
  if (expected === "any") return true;
  if (expected === "stream_exists") return head !== noRevision;
  return head === (expected === "no_stream" ? noRevision : expected);
}

const writtenTwice = (blocks: readonly Block[]): string[] =>
  blocks
    .filter(({ batch }, index) => blocks.findIndex((other) => other.batch === batch) !== index)
    .map(({ batch }) => `${textOf(batch)} was written twice.`);

function wronglyAnswered({ batch, answer }: Attempt, blocks: readonly Block[]): string[] {
  if (answer === undefined) return [];
  const block = blocks.find((candidate) => candidate.batch === batch);
  if (answer.kind === "streamDeleted") return [`${textOf(batch)} was told of a deletion.`];
  if (answer.kind === "accepted") {
    const { revision, position } = answer;
    if (block?.last.revision === revision && block?.last.position === position) return [];
    return [`${textOf(batch)} was told ${revision} at ${position}, where it is not.`];
  }
  const { current } = answer;
  const wasThere = block !== undefined && block.last.revision <= current;
  if (isMet(batch.expected, current)) return [`${textOf(batch)} was refused for ${current}, which it expected.`];
  return wasThere ? [`${textOf(batch)} was refused for ${current} though it was there already.`] : [];
}

type Effect = { readonly rank: number; readonly earliest: number; readonly latest: number; readonly text: string };

/** What was written to a stream and, between two of these, what was refused there because of the first. */
function effectsOn(stream: string, { attempts }: History, blocks: readonly Block[]): Effect[] {
  const own = blocks.filter(({ batch }) => batch.stream === stream);
  const written = own.map((block, index) => ({ ...block, rank: index + 1, text: textOf(block.batch) }));
  const refused = attempts.flatMap(({ batch, calledAt, answer }) => {
    if (batch.stream !== stream || answer?.kind !== "wrongExpectedRevision") return [];
    const { current, at } = answer;
    const before = own.findIndex(({ last }) => last.revision === current);
    // A revision that never was a stream's last would belong nowhere: no rank agrees with anything else.
    const rank = current === noRevision ? 0.5 : before === -1 ? Number.NaN : before + 1.5;
    return [{ rank, earliest: calledAt, latest: at, text: `${textOf(batch)}, refused for ${current},` }];
  });
  return [...written, ...refused];
}

function outOfOrder(effects: readonly Effect[]): string[] {
  const nowhere = effects.filter(({ rank }) => Number.isNaN(rank));
  return [
    ...nowhere.map(({ text }) => `${text} met no end of any append.`),
    ...effects.flatMap((effect) =>
      effects
        .filter((later) => effect.rank < later.rank && later.latest < effect.earliest)
        .map((later) => `${effect.text} was called after ${later.text} was answered, and yet came first.`),
    ),
  ];
}

/** A read sees a beginning of everything: all that was acknowledged before it, nothing that was not yet wanted. */
function wronglySeen(
  { calledAt, at, ids }: Snapshot,
  committed: readonly Committed[],
  blocks: readonly Block[],
): string[] {
  const isBeginning = ids.every((id, index) => id === committed[index]?.id);
  const seen = new Set(ids);
  const missing = blocks.filter(({ last, latest }) => latest < calledAt && !seen.has(last.id));
  const early = blocks.filter(({ last, earliest }) => earliest > at && seen.has(last.id));
  return [
    ...(isBeginning ? [] : [`A read at ${calledAt} saw another order than the last one.`]),
    ...missing.map(({ batch }) => `A read missed ${textOf(batch)}.`),
    ...early.map(({ batch }) => `A read saw ${textOf(batch)} before its time.`),
  ];
}

const wronglyFollowed = ({ followed, committed }: History): string[] =>
  followed.length === committed.length && committed.every(({ id }, index) => id === followed[index])
    ? []
    : [`A subscriber got ${followed.length} events, or in another order, where there are ${committed.length}.`];
