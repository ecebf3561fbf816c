import { randomUUID } from "node:crypto";
import type { AsyncCommand } from "fast-check";
import { expect } from "vitest";
import { type Inbox, type OpenInbox, openInbox } from "./inbox.ts";
import type { NodeUnderTest, ObservedAnswer } from "./nodeUnderTest.ts";
import {
  append,
  type Delivery,
  type Expected,
  headOf,
  history,
  isTombstoned,
  metastreamOf,
  news,
  noRevision,
  type Outcome,
  type Proposed,
  type Range,
  readStream,
  type Store,
  tombstoneRevision,
} from "./specification.ts";

export const slots = ["a", "b", "c"] as const;
export type Slot = (typeof slots)[number];

/** An append that was accepted, so that it can be sent again. */
export type Sent = {
  readonly stream: string;
  readonly expected: Expected;
  readonly events: readonly Proposed[];
  /** The revision after which it was written. */
  readonly after: bigint;
};

/** What a subscription has to get, and what receives it. */
type Subscription = { readonly inbox: Inbox; readonly deliveries: readonly Delivery[] };

/** What the commands of one run know. Stream names are the run's own, the store lives on from run to run. */
export type Model = {
  store: Store;
  readonly prefix: string;
  readonly firstPlace: number;
  readonly sent: Sent[];
  subscriptions: Subscription[];
  eventsMade: number;
};

/** Reads a stream, and compares what is read. */
export async function expectRead(model: Model, { node }: Real, stream: string, range: Range): Promise<void> {
  const expected = readStream(model.store, stream, range);
  const actual = await node.readStream(stream, range);
  expect(actual).toEqual(typeof expected === "string" ? expected : expected.map(node.expectation));
}

export type Real = { readonly node: NodeUnderTest };

export type Command = AsyncCommand<Model, Real>;

/** A command's text is what a counter-example shows of it. */
export const command = (text: string, run: (model: Model, real: Real) => Promise<void>): Command => ({
  check: () => true,
  run,
  toString: () => text,
});

export const nameOf = (model: Model, slot: Slot): string => `${model.prefix}-${slot}`;

/** What an append or a deletion is to expect; a number is the distance from the stream's last revision. */
export type Expectation<E extends Expected = Expected> = Exclude<E, bigint> | number;

export function expectedOf<E extends Expected>(store: Store, stream: string, expectation: Expectation<E>) {
  if (typeof expectation !== "number") return expectation;
  const head = headOf(store, stream);
  const revision = (head === tombstoneRevision ? 0n : head) + BigInt(expectation);
  return revision < 0n ? 0n : revision;
}

/** Takes the outcome that agrees with the answer, and checks everything else that follows from it. */
export async function settle(
  model: Model,
  real: Real,
  outcomes: readonly Outcome[],
  answer: ObservedAnswer,
): Promise<void> {
  const outcome = outcomes.find(({ answer: allowed }) => agree(allowed, answer));
  if (outcome === undefined) expect(answer).toEqual(outcomes.map(({ answer }) => answer));
  else await proceed(model, real, outcome.store);
  if (answer.kind === "accepted" && outcome?.answer.kind === "accepted" && outcome.answer.place !== undefined)
    expect(answer.position).toBe(real.node.positionAt(outcome.answer.place).commit);
}

function agree(allowed: Outcome["answer"], actual: ObservedAnswer): boolean {
  if (allowed.kind === "accepted" && actual.kind === "accepted") {
    // The client reads "no revision", all that an empty append to a new stream can be told, as 0.
    return actual.revision === (allowed.revision === noRevision ? 0n : allowed.revision);
  }
  if (allowed.kind === "wrongExpectedRevision" && actual.kind === "wrongExpectedRevision")
    return allowed.current === actual.current;
  return allowed.kind === actual.kind;
}

async function proceed(model: Model, real: Real, store: Store): Promise<void> {
  const before = model.store;
  model.store = store;
  const expected = store.log.slice(before.log.length);
  const commits = await real.node.commits();
  const isNamed = (place: number) => store.log[place]?.id !== undefined;
  expect(commits.map((event) => (isNamed(event.place) ? event : { ...event, id: undefined }))).toEqual(expected);
  model.subscriptions = model.subscriptions.map(({ inbox, deliveries }) => ({
    inbox,
    deliveries: [...deliveries, ...news(before, store, inbox.options.watch)],
  }));
  await expectDeliveries(model);
}

/** Waits until every subscription has what it has to have, and forgets those that ended. */
async function expectDeliveries(model: Model): Promise<void> {
  const areOpen = await Promise.all(
    model.subscriptions.map(({ inbox, deliveries }) => inbox.expect(model.store, deliveries)),
  );
  model.subscriptions = model.subscriptions.filter((_, index) => areOpen[index]);
}

/** Begins a subscription, and checks what it gets at once. */
export async function subscribe(model: Model, real: Real, options: OpenInbox): Promise<void> {
  const { watch } = options;
  const inbox = await openInbox(real.node, options);
  const isRefused = watch.stream !== undefined && isTombstoned(model.store, watch.stream);
  expect(inbox === undefined).toBe(isRefused);
  if (inbox === undefined) return;
  model.subscriptions = [...model.subscriptions, { inbox, deliveries: history(model.store, watch) }];
  await expectDeliveries(model);
}

/** Ends subscriptions and begins others where a client would that got what they got. */
export async function resume(
  model: Model,
  real: Real,
  subscriptions: readonly Subscription[],
  from: "last event" | "checkpoint",
): Promise<void> {
  model.subscriptions = model.subscriptions.filter((subscription) => !subscriptions.includes(subscription));
  for (const { inbox } of subscriptions) {
    await inbox.close();
    const after = inbox.resumesAfter(from);
    const watch = { ...inbox.options.watch, after };
    await subscribe(model, real, { ...inbox.options, watch, from: after === noRevision ? "start" : after });
  }
}

let runs = 0;

const whole: Range = {
  from: undefined,
  direction: "forwards",
  maxCount: Number.MAX_SAFE_INTEGER,
  resolvesLinks: true,
};

/** A run finds the store as the run before left it. */
export function startingModel(store: Store): Model {
  runs += 1;
  const firstPlace = store.log.length - 1;
  return { store, prefix: `run${runs}`, firstPlace, sent: [], subscriptions: [], eventsMade: 0 };
}

/**
 * Nothing is left hidden: every stream can be read as it should be. Nothing came twice or too late: what every
 * subscription gets after one more event is what it has to have by then.
 */
export async function finish(model: Model, real: Real): Promise<void> {
  for (const stream of slots.map((slot) => nameOf(model, slot))) {
    await expectRead(model, real, stream, whole);
    await expectRead(model, real, metastreamOf(stream), whole);
    const id = randomUUID();
    const last = { id, type: "Ordered", isJson: true, data: "last", metadata: undefined };
    const answer = await real.node.append(stream, "any", [last], "batch");
    await settle(model, real, append(model.store, stream, "any", [last]), answer);
  }
  await Promise.all(model.subscriptions.map(({ inbox }) => inbox.close()));
}
