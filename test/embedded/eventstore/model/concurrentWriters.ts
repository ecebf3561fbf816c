import { randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { isUnavailable } from "../storedEvents.ts";
import type { Attempt, Batch, History, Snapshot } from "./concurrentHistory.ts";
import { follow } from "./follower.ts";
import type { Call, NodeUnderTest } from "./nodeUnderTest.ts";
import { type Expected, noRevision, type Proposed } from "./specification.ts";

/** An append: a number is the distance from the last revision that this writer was told of. */
export type Step = {
  readonly stream: string;
  readonly expected: Exclude<Expected, bigint> | number;
  readonly events: number;
  /** Sent once more at the same time, as impatient callers do. */
  readonly isDoubled: boolean;
  /** Sent again, for as long as it takes, when there was no answer. */
  readonly isRepeated: boolean;
};

/** The server is killed so many turns of the event loop after so many calls. */
export type Kill = { readonly calls: number; readonly turns: number };

/** What a counter-example shows. */
export function textOf({ stream, expected, events, isDoubled, isRepeated }: Step): string {
  const expecting = typeof expected === "string" ? expected : `what it knows${expected === 0 ? "" : ` + ${expected}`}`;
  const ways = `${isDoubled ? ", twice at once" : ""}${isRepeated ? ", until answered" : ""}`;
  return `${events} to ${stream}, expecting ${expecting}${ways}`;
}

const snapshotsMax = 4;

/** Has each writer do its steps one after the other and all writers at once, and tells what they saw. */
export async function historyOf(
  node: NodeUnderTest,
  writers: readonly (readonly Step[])[],
  kill: Kill | undefined,
): Promise<History> {
  await node.commits();
  const base = node.lastPlace();
  const trial = trialOf(node, kill);
  const follower = follow(node, base, trial.restarted);
  let isWriting = true;
  const reading = snapshotsOf(node, base, trial, () => isWriting);
  await Promise.all(writers.map((steps, index) => write(trial, steps, index % 2 === 0 ? "batch" : "alone")));
  isWriting = false;
  const snapshots = await reading;
  await trial.killed();
  const committed = (await node.commits()).map(({ id, stream, revision, place }) => ({
    id: id ?? "",
    stream,
    revision,
    position: node.positionAt(place).commit,
  }));
  const followed = await follower.until(committed.at(-1)?.id);
  return { attempts: trial.attempts, snapshots, committed, followed };
}

type Trial = ReturnType<typeof trialOf>;

/** Sends appends, one of which brings on the kill, and notes when each was sent and answered. */
function trialOf(node: NodeUnderTest, kill: Kill | undefined) {
  const attempts: Attempt[] = [];
  let time = 0;
  let killing: Promise<void> | undefined;
  let restarted: Promise<void> | undefined;

  const now = () => {
    time += 1;
    return time;
  };

  const killAndStart = async ({ turns }: Kill) => {
    for (let turn = 0; turn < turns; turn += 1) await nextTurn();
    restarted = node.restart("killed");
    await restarted;
  };

  return {
    attempts,
    now,
    /** Undefined until the server is killed. */
    restarted: () => restarted,
    /** Undefined when nothing has brought the kill on. */
    killed: () => killing,
    async send(batch: Batch, events: readonly Proposed[], how: Call, isRepeated: boolean) {
      for (;;) {
        await restarted;
        const calledAt = now();
        const answering = answeredOrNot(node.append(batch.stream, batch.expected, events, how));
        if (attempts.length === kill?.calls) killing ??= killAndStart(kill);
        const answer = await answering;
        attempts.push({ batch, calledAt, answer: answer && { ...answer, at: now() } });
        if (answer !== undefined) return answer;
        // Nothing else makes a server go away.
        if (restarted === undefined) throw new Error("The server went away by itself.");
        if (!isRepeated) return undefined;
      }
    },
  };
}

async function write({ send }: Trial, steps: readonly Step[], how: Call): Promise<void> {
  const heads = new Map<string, bigint | undefined>();
  for (const { stream, expected, events: count, isDoubled, isRepeated } of steps) {
    const events = Array.from({ length: count }, newEvent);
    const batch = { stream, expected: resolved(expected, heads.get(stream)), ids: events.map(({ id }) => id) };
    const copies = isDoubled ? [batch, batch] : [batch];
    for (const answer of await Promise.all(copies.map((copy) => send(copy, events, how, isRepeated)))) {
      if (answer?.kind === "accepted") heads.set(stream, answer.revision);
      if (answer?.kind === "wrongExpectedRevision") heads.set(stream, answer.current);
    }
  }
}

/** Reads all that comes after `base`, again and again while others write. */
async function snapshotsOf(node: NodeUnderTest, base: bigint, { now, restarted }: Trial, isWriting: () => boolean) {
  const snapshots: Snapshot[] = [];
  while (isWriting() && snapshots.length < snapshotsMax) {
    await restarted();
    const calledAt = now();
    const seen = await answeredOrNot(node.readAll({ ...everything, from: base }));
    const ids = seen?.slice(1).map(({ event }) => event?.id ?? "");
    if (ids !== undefined) snapshots.push({ calledAt, at: now(), ids });
  }
  return snapshots;
}

const everything = { direction: "forwards", maxCount: Number.MAX_SAFE_INTEGER, resolvesLinks: false } as const;

function newEvent(): Proposed {
  return { id: randomUUID(), type: "Written", isJson: true, data: {}, metadata: undefined };
}

function resolved(expected: Step["expected"], head = noRevision): Expected {
  if (typeof expected !== "number") return expected;
  const revision = head + BigInt(expected);
  return revision < 0n ? "no_stream" : revision;
}

/** A call that still waits when the client of the killed server is let go of was not answered either. */
const wasLetGo = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === status.CANCELLED;

async function answeredOrNot<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isUnavailable(error) || wasLetGo(error)) return undefined;
    throw error;
  }
}
