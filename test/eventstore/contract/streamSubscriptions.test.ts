import { once } from "node:events";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  END,
  NO_STREAM,
  type ResolvedEvent,
  START,
  StreamDeletedError,
  type SubscribeToStreamOptions,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { heardBy } from "./heard.ts";
import { numbered, numberedUpTo, upTo } from "./numbered.ts";
import { freshName, serverUnderTest, soon } from "./serverUnderTest.ts";

const under = serverUnderTest();

const streamOf = async (count: number): Promise<string> => {
  const stream = freshName();
  await under.client.appendToStream(stream, numberedUpTo(count), { expectedRevision: NO_STREAM });
  return stream;
};

const append = (stream: string, ...ns: number[]) =>
  under.client.appendToStream(
    stream,
    ns.map((n) => numbered(n)),
  );

describe("a subscription to a stream", () => {
  test("is confirmed once, before anything else", async () => {
    const stream = await streamOf(3);
    const subscription = under.client.subscribeToStream(stream);
    const heard = heardBy(subscription);
    await expect.poll(() => heard.numbers, soon).toEqual([0, 1, 2]);
    await append(stream, 3);
    await expect.poll(() => heard.numbers, soon).toEqual([0, 1, 2, 3]);
    expect(heard.confirmations).toBe(1);
    expect(heard.order[0]).toBe("confirmation");
    expect(subscription.id).toMatch(/\S/);
  });

  test("says once that it has caught up, after all that was there", async () => {
    const stream = await streamOf(600);
    const heard = heardBy(under.client.subscribeToStream(stream));
    await expect.poll(() => heard.caughtUp, soon).toBe(1);
    expect(heard.numbers).toEqual(upTo(600));
    await append(stream, 600);
    await expect.poll(() => heard.numbers.length, soon).toBe(601);
    expect(heard.caughtUp).toBe(1);
    expect(heard.order.indexOf("caughtUp")).toBe(601);
  });

  test.each<[string, SubscribeToStreamOptions, number[]]>([
    ["at the start when nothing is said", {}, [0, 1, 2, 3, 4]],
    ["at the start", { fromRevision: START }, [0, 1, 2, 3, 4]],
    ["after the first revision", { fromRevision: 0n }, [1, 2, 3, 4]],
    ["after the revision it is given", { fromRevision: 2n }, [3, 4]],
    ["after the last revision, with what comes", { fromRevision: 3n }, [4]],
  ])("begins %s", async (_, options, expected) => {
    const stream = await streamOf(4);
    const heard = heardBy(under.client.subscribeToStream(stream, options));
    await expect.poll(() => heard.confirmations, soon).toBe(1);
    await append(stream, 4);
    await expect.poll(() => heard.numbers, soon).toEqual(expected);
  });

  test("begins after a revision that still lies ahead", async () => {
    const stream = await streamOf(4);
    const heard = heardBy(under.client.subscribeToStream(stream, { fromRevision: 5n }));
    await expect.poll(() => heard.confirmations, soon).toBe(1);
    await append(stream, 4, 5, 6, 7);
    await expect.poll(() => heard.numbers, soon).toEqual([6, 7]);
  });

  test("from the end gives nothing but what comes", async () => {
    const stream = await streamOf(3);
    const heard = heardBy(under.client.subscribeToStream(stream, { fromRevision: END }));
    await expect.poll(() => heard.confirmations, soon).toBe(1);
    await append(stream, 3);
    await append(stream, 4);
    await expect.poll(() => heard.numbers, soon).toEqual([3, 4]);
  });

  test("gives every event with its id, revision and position", async () => {
    const stream = freshName();
    const events = numberedUpTo(3);
    const heard = heardBy(under.client.subscribeToStream(stream));
    const { position } = await under.client.appendToStream(stream, events);
    await expect.poll(() => heard.events.length, soon).toBe(3);
    expect(heard.events.map(({ event }) => [event?.id, event?.revision, event?.streamId])).toEqual(
      events.map(({ id }, n) => [id, BigInt(n), stream]),
    );
    expect(heard.events.at(-1)?.event?.position).toEqual(position);
  });

  // When it says that it has caught up with a stream that is not there yet differs from version to version.
  test("may be made before the stream is", async () => {
    const stream = freshName();
    const heard = heardBy(under.client.subscribeToStream(stream));
    await expect.poll(() => heard.confirmations, soon).toBe(1);
    await append(stream, 0, 1);
    await expect.poll(() => heard.numbers, soon).toEqual([0, 1]);
  });

  test("misses nothing when events come while it catches up", async () => {
    const stream = await streamOf(500);
    const writing = Promise.all(upTo(200).map((n) => append(stream, 500 + n)));
    const heard = heardBy(under.client.subscribeToStream(stream));
    await writing;
    await expect.poll(() => heard.events.length, soon).toBe(700);
    expect(heard.events.map(({ event }) => Number(event?.revision))).toEqual(upTo(700));
  });

  test("misses nothing when much happens in other streams", async () => {
    const stream = await streamOf(1);
    const heard = heardBy(under.client.subscribeToStream(stream));
    await expect.poll(() => heard.caughtUp, soon).toBe(1);
    for (const n of upTo(5)) {
      await under.client.appendToStream(freshName(), numberedUpTo(1_000));
      await append(stream, n + 1);
    }
    await expect.poll(() => heard.numbers, soon).toEqual(upTo(6));
    expect(heard.caughtUp).toBe(1);
  });

  test("hears nothing of a deletion, and goes on when the stream is recreated", async () => {
    const stream = await streamOf(2);
    const heard = heardBy(under.client.subscribeToStream(stream));
    await expect.poll(() => heard.caughtUp, soon).toBe(1);
    await under.client.deleteStream(stream);
    await append(stream, 2);
    await expect.poll(() => heard.numbers, soon).toEqual([0, 1, 2]);
    expect(heard.events.at(-1)?.event?.revision).toBe(2n);
    expect(heard.error).toBeUndefined();
  });

  test("fails when the stream is tombstoned", async () => {
    const stream = await streamOf(2);
    const heard = heardBy(under.client.subscribeToStream(stream));
    await expect.poll(() => heard.caughtUp, soon).toBe(1);
    await under.client.tombstoneStream(stream);
    await expect.poll(() => heard.error, soon).toBeInstanceOf(StreamDeletedError);
    expect(heard.error).toMatchObject({ streamName: stream });
    expect(heard.numbers).toEqual([0, 1]);
  });

  test("to a tombstoned stream fails without being confirmed", async () => {
    const stream = await streamOf(1);
    await under.client.tombstoneStream(stream);
    const heard = heardBy(under.client.subscribeToStream(stream));
    await expect.poll(() => heard.error, soon).toBeInstanceOf(StreamDeletedError);
    expect(heard.order).toEqual([]);
  });

  test("to a metastream gives the metadata as it is written", async () => {
    const stream = freshName();
    const heard = heardBy(under.client.subscribeToStream(`$$${stream}`));
    await expect.poll(() => heard.confirmations, soon).toBe(1);
    await under.client.setStreamMetadata(stream, { maxCount: 3 });
    await expect.poll(() => heard.events.map(({ event }) => event?.data), soon).toEqual([{ $maxCount: 3 }]);
  });

  test("is given the same events as any other", async () => {
    const stream = await streamOf(3);
    const all = upTo(10).map(() => heardBy(under.client.subscribeToStream(stream)));
    for (const heard of all) await expect.poll(() => heard.confirmations, soon).toBe(1);
    await append(stream, 3, 4);
    for (const heard of all) await expect.poll(() => heard.numbers, soon).toEqual(upTo(5));
  });
});

describe("a subscriber", () => {
  test("can iterate, and leave when it has seen enough", async () => {
    const seen: number[] = [];
    for await (const { event } of under.client.subscribeToStream(await streamOf(9))) {
      seen.push(Number(event?.revision));
      if (seen.length === 9) break;
    }
    expect(seen).toEqual(upTo(9));
  });

  test("can be the end of a pipeline", async () => {
    const subscription = under.client.subscribeToStream(await streamOf(9));
    const seen: number[] = [];
    const write = ({ event }: ResolvedEvent, _: BufferEncoding, done: () => void) => {
      seen.push(Number(event?.revision));
      if (seen.length === 9) subscription.unsubscribe().then(done);
      else done();
    };
    await pipeline(subscription, new Writable({ objectMode: true, write }));
    expect(seen).toEqual(upTo(9));
  });

  test("that has unsubscribed is given nothing more, without an error", async () => {
    const stream = await streamOf(1);
    const subscription = under.client.subscribeToStream(stream);
    const heard = heardBy(subscription);
    await expect.poll(() => heard.numbers, soon).toEqual([0]);
    const ended = once(subscription, "end");
    await subscription.unsubscribe();
    await ended;
    const another = heardBy(under.client.subscribeToStream(stream));
    await append(stream, 1);
    await expect.poll(() => another.numbers, soon).toEqual([0, 1]);
    expect(heard.numbers).toEqual([0]);
    expect(heard.error).toBeUndefined();
  });

  test("may subscribe, be given what is appended and leave, again and again", async () => {
    const options = { credentials: under.credentials };
    for (const _ of upTo(80)) {
      const stream = freshName();
      const events = numberedUpTo(10);
      await under.client.appendToStream(stream, events.slice(0, 3), { expectedRevision: NO_STREAM, ...options });
      const subscription = under.client.subscribeToStream(stream, { fromRevision: START });
      const heard = heardBy(subscription);
      await expect.poll(() => heard.events.length, soon).toBe(3);
      await under.client.appendToStream(stream, events.slice(3), { expectedRevision: 2n, ...options });
      await expect.poll(() => heard.events.map(({ event }) => event?.id), soon).toEqual(events.map(({ id }) => id));
      await subscription.unsubscribe();
    }
  });
});
