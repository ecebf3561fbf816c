import {
  type AllStreamSubscription,
  END,
  eventTypeFilter,
  type Position,
  type ResolvedEvent,
  START,
  StreamDeletedError,
  type StreamSubscription,
  streamNameFilter,
} from "@eventstore/db-client";
import { expect } from "vitest";
import { type NodeUnderTest, type ObservedSeen, observedSeen } from "./nodeUnderTest.ts";
import { type Delivery, type Filter, isTombstoned, type Store, type Watch } from "./specification.ts";

/** A bound for what never comes, far above what anything takes. */
const patienceMs = 5_000;

/** How often a filtered subscription says how far it has come. */
export type Checkpoints = { readonly window: number; readonly multiplier: number };

export type OpenInbox = {
  readonly watch: Watch;
  /** Where the client says to begin; `watch` tells what that means at this moment. */
  readonly from: "start" | "end" | bigint;
  readonly checkpoints: Checkpoints;
};

export type Inbox = {
  readonly options: OpenInbox;
  /** Waits for what is due and compares it with what came. Tells whether the subscription goes on. */
  expect(store: Store, deliveries: readonly Delivery[]): Promise<boolean>;
  /** Where a client goes on that got all this: a revision, or a place among all. */
  resumesAfter(which: "last event" | "checkpoint"): bigint;
  close(): Promise<void>;
};

/** Subscribes, and resolves once the subscription has caught up. Undefined when the stream is tombstoned. */
export async function openInbox(node: NodeUnderTest, options: OpenInbox): Promise<Inbox | undefined> {
  const { watch } = options;
  const { received, checkpoints, signals, until, close } = receive(node, options);
  await until(() => signals.timesCaughtUp > 0 || signals.error !== undefined);
  if (signals.error instanceof StreamDeletedError) {
    expect(signals).toMatchObject({ confirmations: 0, timesCaughtUp: 0 });
    return undefined;
  }

  const lastCheckpoint = () => node.placeOf(checkpoints.at(-1)?.position) ?? watch.after;
  const checkpointsMissed = (store: Store): boolean =>
    watch.filter !== undefined &&
    BigInt(store.log.length) - lastCheckpoint() >
      2n * BigInt(options.checkpoints.window * options.checkpoints.multiplier);

  const expectCheckpoints = (due: readonly ObservedSeen[]) => {
    const positions = checkpoints.map(({ position }) => position);
    expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => Number(a - b)));
    for (const { position, received } of checkpoints)
      expect(received).toBe(due.filter((seen) => positionOf(seen) <= position).length);
  };

  return {
    options,
    async expect(store, deliveries) {
      const isOver = watch.stream !== undefined && isTombstoned(store, watch.stream);
      const due = () => aligned(received, deliveries, node.expectation);
      const isMissing = () =>
        received.length < due().length || checkpointsMissed(store) || (isOver && signals.error === undefined);
      await until(() => !isMissing());
      expect(received).toEqual(due());
      expect(signals.confirmations).toBe(1);
      if (isOver) expect(signals.error).toBeInstanceOf(StreamDeletedError);
      else expect(signals.error).toBeUndefined();
      expect(checkpointsMissed(store)).toBe(false);
      expectCheckpoints(due());
      return !isOver;
    },
    resumesAfter(which) {
      if (which === "checkpoint") return lastCheckpoint();
      const last = received.at(-1)?.link ?? received.at(-1)?.event;
      const after = watch.stream === undefined ? node.placeOf(last?.position) : last?.revision;
      return after ?? watch.after;
    },
    close,
  };
}

function receive(node: NodeUnderTest, options: OpenInbox) {
  const received: ObservedSeen[] = [];
  const checkpoints: { readonly position: bigint; readonly received: number }[] = [];
  const signals = { confirmations: 0, timesCaughtUp: 0, error: undefined as Error | undefined };
  let onChange = () => {};

  // What the client has not handed on yet was received before the checkpoint as well.
  const subscription = subscribe(node, options, ({ commit }) => {
    checkpoints.push({ position: commit, received: received.length + subscription.readableLength });
    onChange();
  });
  subscription.on("data", (event: ResolvedEvent) => {
    received.push(observedSeen(event));
    onChange();
  });
  subscription.on("confirmation", () => {
    signals.confirmations += 1;
  });
  subscription.on("caughtUp", () => {
    signals.timesCaughtUp += 1;
    onChange();
  });
  subscription.on("error", (error) => {
    signals.error = error;
    onChange();
  });

  const until = (isSo: () => boolean) =>
    new Promise<void>((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        onChange = () => {};
        resolve();
      };
      const timer = setTimeout(finish, patienceMs);
      onChange = () => {
        if (isSo()) finish();
      };
      onChange();
    });

  return { received, checkpoints, signals, until, close: () => subscription.unsubscribe() };
}

function subscribe(
  { client, positionAt }: NodeUnderTest,
  { watch: { stream, filter, resolvesLinks: resolveLinkTos }, from, checkpoints }: OpenInbox,
  onCheckpoint: (position: Position) => void,
): AllStreamSubscription | StreamSubscription {
  const begin = from === "start" ? START : from === "end" ? END : undefined;
  if (stream !== undefined)
    return client.subscribeToStream(stream, { fromRevision: begin ?? BigInt(from), resolveLinkTos });
  const fromPosition = begin ?? positionAt(BigInt(from));
  if (filter === undefined) return client.subscribeToAll({ fromPosition, resolveLinkTos });
  const options = {
    maxSearchWindow: checkpoints.window,
    checkpointInterval: checkpoints.multiplier,
    checkpointReached: (_: AllStreamSubscription, position: Position) => onCheckpoint(position),
  };
  return client.subscribeToAll({ fromPosition, resolveLinkTos, filter: clientFilter(filter, options) });
}

function clientFilter(filter: Filter, options: Omit<Parameters<typeof eventTypeFilter>[0], "prefixes" | "regex">) {
  const create = filter.on === "stream" ? streamNameFilter : eventTypeFilter;
  return "regex" in filter
    ? create({ ...options, regex: filter.regex })
    : create({ ...options, prefixes: [...filter.prefixes] });
}

const positionOf = ({ event, link }: ObservedSeen): bigint => (link ?? event)?.position ?? -1n;

/** What has to be there, and what may be there where it is. */
function aligned(
  received: readonly ObservedSeen[],
  deliveries: readonly Delivery[],
  expectation: NodeUnderTest["expectation"],
): ObservedSeen[] {
  const due: ObservedSeen[] = [];
  for (const { seen, isCertain } of deliveries) {
    const expected = expectation(seen);
    const actual = received[due.length];
    if (isCertain || (actual !== undefined && positionOf(actual) === positionOf(expected))) due.push(expected);
  }
  return due;
}
