import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EmbeddedEventStore, startEventStore } from "../../src/embedded/eventStore.ts";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import {
  AppendAnswerLost,
  EventStoreUnavailable,
  type Followed,
  type NewEvent,
  noStream,
} from "../../src/eventstore/store.ts";
import { startLossyProxy } from "../commands/lossyProxy.ts";
import { systemMetadata } from "../support/metadata.ts";

let directory: string;
let server: EmbeddedEventStore;
let store: ReturnType<typeof eventStoreDb>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "everfold-esdb-"));
  server = await startEventStore({ directory });
  store = eventStoreDb({ url: server.url });
});
afterAll(async () => {
  await store.close();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

const eventOf = (number: number): NewEvent => ({
  id: randomUUID(),
  type: "NumberDrawn",
  data: { number },
  metadata: systemMetadata(),
});
const newStream = (category = "draw") => `${category}-${randomUUID()}`;
const numbers = (events: readonly { data: Readonly<Record<string, unknown>> }[]) =>
  events.map(({ data }) => data["number"]);

describe("a stream", () => {
  test("holds what was appended, in order, with what was said about it", async () => {
    const stream = newStream();
    const events = [eventOf(1), eventOf(2), eventOf(3)];
    const appended = await store.append(stream, events, noStream);
    const read = await Array.fromAsync(store.read(stream));
    expect(read).toMatchObject(events.map((event, index) => ({ ...event, stream, revision: BigInt(index) })));
    expect(appended).toEqual({ revision: 2n, position: read[2]?.position });
    expect(await store.last(stream)).toEqual(read[2]);
    expect(await store.head()).toBe(read[2]?.position);
  });

  test("is told of by the newest event, and by the position of any, but not by those of the store's own", async () => {
    const stream = newStream();
    await store.append(stream, [1, 2].map(eventOf), noStream);
    const [one, two] = await Array.fromAsync(store.read(stream));
    const own = await store.append(`$$${stream}`, [{ ...eventOf(3), type: "$metadata", data: {} }], noStream);
    expect(await store.newest()).toEqual(two);
    expect(await store.at(one?.position ?? -1n)).toEqual(one);
    expect(own).not.toBe("conflict");
    expect(await store.at(await store.head())).toBeUndefined();
  });

  test("is read from any revision, as far as is asked", async () => {
    const stream = newStream();
    await store.append(stream, [0, 1, 2, 3, 4].map(eventOf), noStream);
    expect(numbers(await Array.fromAsync(store.read(stream, 2n)))).toEqual([2, 3, 4]);
    expect(numbers(await Array.fromAsync(store.read(stream, 1n, 2)))).toEqual([1, 2]);
    expect(await Array.fromAsync(store.read(stream, 5n))).toEqual([]);
  });

  test("that does not exist is empty and has no last event", async () => {
    expect(await Array.fromAsync(store.read(newStream()))).toEqual([]);
    expect(await store.last(newStream())).toBeUndefined();
  });

  test("ES-01: takes events only at the revision they expect", async () => {
    const stream = newStream();
    expect(await store.append(stream, [eventOf(1)], 0n)).toBe("conflict");
    expect(await store.append(stream, [eventOf(1)], noStream)).toMatchObject({ revision: 0n });
    expect(await store.append(stream, [eventOf(2)], noStream)).toBe("conflict");
    expect(await store.append(stream, [eventOf(2)], 0n)).toMatchObject({ revision: 1n });
  });

  test("ES-03: of many who begin it at once, exactly one does", async () => {
    const stream = newStream();
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, n) => store.append(stream, [eventOf(n)], noStream)),
    );
    expect(outcomes.filter((outcome) => outcome !== "conflict")).toHaveLength(1);
  });
});

/** Follows until as many events have come. */
const follow = async (after: bigint, categories: readonly string[], count: number) => {
  const stopping = new AbortController();
  const seen: Followed[] = [];
  for await (const item of store.follow({ after, categories, signal: stopping.signal })) {
    seen.push(item);
    if (seen.filter(({ kind }) => kind === "event").length === count) stopping.abort();
  }
  return seen.flatMap((item) => (item.kind === "event" ? [item.event] : []));
};

describe("following", () => {
  test("gives what was there and what comes, of the categories asked for, in commit order", async () => {
    const after = await store.head();
    await store.append(newStream("left"), [eventOf(1)], noStream);
    await store.append(newStream("other"), [eventOf(2)], noStream);
    await store.append(newStream("right"), [eventOf(3)], noStream);
    const stopping = new AbortController();
    const seen: unknown[] = [];
    for await (const item of store.follow({ after, categories: ["left", "right"], signal: stopping.signal })) {
      if (item.kind === "passed") continue;
      seen.push(item.kind === "event" ? item.event.data["number"] : item.kind);
      if (item.kind === "caughtUp") await store.append(newStream("left"), [eventOf(4)], noStream);
      if (seen.at(-1) === 4) stopping.abort();
    }
    expect(seen).toEqual([1, 3, "caughtUp", 4]);
  });

  test("tells how far it has looked, though nothing there was wanted", async () => {
    const after = await store.head();
    await store.append(
      newStream("other"),
      Array.from({ length: 600 }, (_, n) => eventOf(n)),
      noStream,
    );
    const stopping = new AbortController();
    for await (const item of store.follow({ after, categories: ["wanted"], signal: stopping.signal })) {
      if (item.kind === "passed" && item.position > after) stopping.abort();
    }
    expect(stopping.signal.aborted).toBe(true);
  });

  test("begins again after any position, without repeating it", async () => {
    const stream = newStream("resumed");
    await store.append(stream, [1, 2, 3].map(eventOf), noStream);
    const [first, ...rest] = await follow(-1n, ["resumed"], 3);
    expect(await follow(first?.position ?? -1n, ["resumed"], 2)).toEqual(rest);
  });

  test("goes on when the store was killed: nothing is lost, nothing comes twice", async () => {
    const category = "survivor";
    const after = await store.head();
    const stopping = new AbortController();
    const seen: unknown[] = [];
    let disconnects = 0;
    const onDisconnect = () => {
      disconnects += 1;
    };
    const following = (async () => {
      for await (const item of store.follow({ after, categories: [category], signal: stopping.signal, onDisconnect }))
        if (item.kind === "event") seen.push(item.event.data["number"]);
    })();
    const { pid } = server;
    for (let number = 0; number < 40; number += 1) {
      if (number === 20) process.kill(pid, "SIGKILL");
      const [stream, event] = [newStream(category), eventOf(number)];
      await expect.poll(() => appendOrName(stream, event), { timeout: 20_000, interval: 20 }).not.toBe("unavailable");
    }
    await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(40);
    stopping.abort();
    await following;
    expect(seen).toEqual(Array.from({ length: 40 }, (_, number) => number));
    expect(disconnects).toBeGreaterThan(0);
  });

  const appendOrName = async (stream: string, event: NewEvent) => {
    try {
      // The same event at the same revision: the store knows it again, so asking twice writes once.
      return await store.append(stream, [event], noStream);
    } catch (error) {
      if (error instanceof EventStoreUnavailable || error instanceof AppendAnswerLost) return "unavailable";
      throw error;
    }
  };
});

test("a store is found by what a member of its cluster says", async () => {
  const found = eventStoreDb({ url: server.url.replace("esdb:", "esdb+discover:") });
  const stream = newStream();
  await found.append(stream, [eventOf(1)], noStream);
  expect(numbers(await Array.fromAsync(found.read(stream)))).toEqual([1]);
  await found.close();
});

test("a follower that is told to stop before it has begun stops", async () => {
  const stopping = new AbortController();
  const items = store.follow({ after: -1n, categories: ["draw"], signal: stopping.signal });
  const seen = Array.fromAsync(items);
  stopping.abort();
  expect(await seen).toEqual([]);
});

describe("a connection that breaks", () => {
  test("after an append went out leaves it open whether it happened", async () => {
    const proxy = await startLossyProxy(server.url);
    const behind = eventStoreDb({ url: proxy.url });
    const stream = newStream();
    await behind.append(stream, [eventOf(1)], noStream);
    proxy.loseAnswers();
    await expect(behind.append(stream, [eventOf(2)], 0n)).rejects.toThrow(AppendAnswerLost);
    expect(numbers(await Array.fromAsync(behind.read(stream)))).toEqual([1, 2]);
    await behind.close();
    await proxy.stop();
  });

  test("fails its own appends alone: those of another connection of the process get their answers", async () => {
    const proxy = await startLossyProxy(server.url);
    const behind = eventStoreDb({ url: proxy.url });
    await behind.append(newStream(), [eventOf(0)], noStream);
    proxy.loseAnswers();
    const lost = behind.append(newStream(), [eventOf(1)], noStream);
    const kept = Array.from({ length: 50 }, (_, number) => store.append(newStream(), [eventOf(number)], noStream));
    await expect(lost).rejects.toThrow(AppendAnswerLost);
    expect(await Promise.all(kept)).toHaveLength(50);
    await behind.close();
    await proxy.stop();
  });

  test("for good: nothing is sent, and it says so at once", async () => {
    const proxy = await startLossyProxy(server.url);
    const behind = eventStoreDb({ url: proxy.url });
    await proxy.stop();
    await expect(behind.append(newStream(), [eventOf(1)], noStream)).rejects.toThrow(EventStoreUnavailable);
    await expect(behind.last(newStream())).rejects.toThrow(EventStoreUnavailable);
    expect(await behind.isReachable()).toBe(false);
    await behind.close();
  });
});
