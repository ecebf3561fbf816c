import { setTimeout as delay } from "node:timers/promises";
import {
  type AllStreamResolvedEvent,
  type AllStreamSubscription,
  type EventStoreDBClient,
  type RecordedEvent,
  START,
  streamNameFilter,
} from "@eventstore/db-client";
import { type Connection, isUnavailability } from "./connection.ts";
import type { EventStore, Followed, StoredEvent } from "./store.ts";

const backoffMinMs = 50;
const backoffMaxMs = 2_000;
/** How many events the store looks at between two reports of how far it is. */
const searchWindow = 500;
const bufferedMax = 500;

type Follow = EventStore["follow"];

/** A subscription that outlives its connections: what it gives is one gapless sequence without repetitions. */
export const followOver = (connection: Connection): Follow =>
  async function* follow({ after, categories, signal, onDisconnect }) {
    if (categories.length === 0) throw new Error("there are no categories to follow");
    let position = after;
    let failures = 0;
    while (!signal.aborted) {
      try {
        for await (const item of subscription(connection, position, categories, signal)) {
          failures = 0;
          const at = positionOf(item);
          if (at !== undefined && at <= position) continue;
          position = at ?? position;
          yield item;
        }
      } catch (error) {
        if (!signal.aborted && !isUnavailability(error)) throw error;
      }
      if (signal.aborted) return;
      onDisconnect?.();
      const wait = Math.min(backoffMaxMs, backoffMinMs * 2 ** failures) * (0.5 + Math.random() / 2);
      failures += 1;
      await delay(wait, undefined, { signal }).catch(() => undefined);
    }
  };

const positionOf = (item: Followed): bigint | undefined => {
  if (item.kind === "caughtUp") return undefined;
  return item.kind === "passed" ? item.position : item.event.position;
};

/** Until its connection breaks, which throws or simply ends. */
async function* subscription(
  connection: Connection,
  after: bigint,
  categories: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Followed> {
  const client = await connection.client();
  const items = subscribe(client, after, categories);
  const end = () => items.destroy();
  signal.addEventListener("abort", end, { once: true });
  try {
    for await (const item of items as AsyncIterable<AllStreamResolvedEvent | Followed>) {
      if ("kind" in item) yield item;
      else if (item.event) yield { kind: "event", event: storedEvent(item.event) };
    }
  } catch (error) {
    if (!signal.aborted && isUnavailability(error)) connection.failed(client);
    throw error;
  } finally {
    signal.removeEventListener("abort", end);
    void items.unsubscribe().catch(() => undefined);
  }
}

/** Checkpoints and "caught up" come beside the events; pushed among them, they keep their place in the sequence. */
const subscribe = (client: EventStoreDBClient, after: bigint, categories: readonly string[]): AllStreamSubscription => {
  const push = (items: AllStreamSubscription, item: Followed) => void items.push(item);
  const items: AllStreamSubscription = client.subscribeToAll(
    {
      fromPosition: after < 0n ? START : { commit: after, prepare: after },
      filter: streamNameFilter({
        prefixes: categories.map((category) => `${category}-`),
        checkpointInterval: 1,
        maxSearchWindow: searchWindow,
        checkpointReached: (_, { commit }) => push(items, { kind: "passed", position: commit }),
      }),
    },
    { highWaterMark: bufferedMax },
  );
  return items.on("caughtUp", () => push(items, { kind: "caughtUp" }));
};

export const storedEvent = (event: RecordedEvent): StoredEvent => {
  const { id, streamId, type, data, metadata, revision, position } = event;
  // What stands in the streams of our categories was written by our own codec, which checks it again when it decodes.
  return { id, stream: streamId, type, data, metadata, revision, position: position?.commit } as StoredEvent;
};
