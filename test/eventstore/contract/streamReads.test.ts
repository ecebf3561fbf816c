import {
  BACKWARDS,
  binaryEvent,
  END,
  FORWARDS,
  type ReadStreamOptions,
  START,
  StreamDeletedError,
  StreamNotFoundError,
} from "@eventstore/db-client";
import { beforeAll, describe, expect, test } from "vitest";
import { collected, numbered, numberedUpTo, numbersOf, upTo } from "./numbered.ts";
import { freshName, serverUnderTest } from "./serverUnderTest.ts";

const under = serverUnderTest();

const read = (stream: string, options: ReadStreamOptions = {}) => numbersOf(under.client.readStream(stream, options));

describe("a stream of ten events", () => {
  const ten = freshName();
  beforeAll(() => under.client.appendToStream(ten, numberedUpTo(10)));

  test.each<[string, ReadStreamOptions, number[]]>([
    ["from its start when nothing is said", {}, upTo(10)],
    ["forwards from its start", { direction: FORWARDS, fromRevision: START }, upTo(10)],
    ["forwards from a revision on, which is included", { fromRevision: 4n }, [4, 5, 6, 7, 8, 9]],
    ["forwards from its last revision", { fromRevision: 9n }, [9]],
    ["forwards from beyond its end, where there is nothing", { fromRevision: 10n }, []],
    ["backwards from its end", { direction: BACKWARDS, fromRevision: END }, upTo(10).reverse()],
    ["backwards from a revision, which is included", { direction: BACKWARDS, fromRevision: 4n }, [4, 3, 2, 1, 0]],
    ["backwards from its start, where there is one event", { direction: BACKWARDS, fromRevision: START }, [0]],
    ["backwards from beyond its end, as from its end", { direction: BACKWARDS, fromRevision: 400n, maxCount: 1 }, [9]],
    ["forwards no further than asked", { fromRevision: 4n, maxCount: 3 }, [4, 5, 6]],
    ["backwards no further than asked", { direction: BACKWARDS, fromRevision: 4n, maxCount: 3 }, [4, 3, 2]],
    ["whole when more is asked for than there is", { maxCount: 1_000 }, upTo(10)],
  ])("is read %s", async (_, options, expected) => {
    expect(await read(ten, options)).toEqual(expected);
  });

  test("is read by many at once, each for itself", async () => {
    const reads = await Promise.all(upTo(50).map((n) => read(ten, { fromRevision: BigInt(n % 10) })));
    expect(reads).toEqual(upTo(50).map((n) => upTo(10).slice(n % 10)));
  });
});

describe("a stream of three thousand events", () => {
  const long = freshName();
  beforeAll(() => under.client.appendToStream(long, numberedUpTo(3_000)));

  test("is read whole forwards", async () => {
    expect(await read(long)).toEqual(upTo(3_000));
  });

  test("is read whole backwards", async () => {
    expect(await read(long, { direction: BACKWARDS, fromRevision: END })).toEqual(upTo(3_000).reverse());
  });

  test("can be left in the middle of reading", async () => {
    for await (const { event } of under.client.readStream(long)) {
      expect(event?.revision).toBe(0n);
      break;
    }
    expect(await read(long, { maxCount: 1 })).toEqual([0]);
  });

  test("can be read slowly", async () => {
    const seen: number[] = [];
    for await (const { event } of under.client.readStream(long, {}, { highWaterMark: 1 })) {
      seen.push(Number(event?.revision));
      if (seen.length % 500 === 0) await under.client.appendToStream(freshName(), numbered(0));
    }
    expect(seen).toEqual(upTo(3_000));
  });
});

describe("a stream that", () => {
  test("has large events is read whole", async () => {
    const stream = freshName();
    for (const n of upTo(6)) {
      await under.client.appendToStream(stream, binaryEvent({ type: "Scanned", data: Buffer.alloc(1_000_000, n) }));
    }
    const events = await collected(under.client.readStream(stream));
    expect(events.map(({ event }) => event?.data)).toEqual(upTo(6).map((n) => new Uint8Array(1_000_000).fill(n)));
    await under.client.deleteStream(stream);
  });

  test("was never written to is not found, which names it", async () => {
    const stream = freshName("日本");
    await expect(read(stream)).rejects.toBeInstanceOf(StreamNotFoundError);
    await expect(read(stream)).rejects.toMatchObject({ streamName: stream });
    await expect(read(stream, { direction: BACKWARDS, fromRevision: END })).rejects.toBeInstanceOf(StreamNotFoundError);
  });

  test("has nothing but metadata is not found", async () => {
    const stream = freshName();
    await under.client.setStreamMetadata(stream, { maxCount: 3 });
    await expect(read(stream)).rejects.toBeInstanceOf(StreamNotFoundError);
  });

  test("was deleted is not found in either direction", async () => {
    const stream = freshName();
    await under.client.appendToStream(stream, numberedUpTo(3));
    await under.client.deleteStream(stream);
    await expect(read(stream)).rejects.toBeInstanceOf(StreamNotFoundError);
    await expect(read(stream, { direction: BACKWARDS, fromRevision: END })).rejects.toBeInstanceOf(StreamNotFoundError);
  });

  test("was tombstoned is refused in either direction, which names it", async () => {
    const stream = freshName();
    await under.client.appendToStream(stream, numberedUpTo(3));
    await under.client.tombstoneStream(stream);
    await expect(read(stream)).rejects.toBeInstanceOf(StreamDeletedError);
    await expect(read(stream)).rejects.toMatchObject({ streamName: stream });
    await expect(read(stream, { direction: BACKWARDS, fromRevision: END })).rejects.toBeInstanceOf(StreamDeletedError);
  });

  test("is being written to is read without gaps", async () => {
    const stream = freshName();
    await under.client.appendToStream(stream, numbered(0));
    const writing = Promise.all(upTo(200).map((n) => under.client.appendToStream(stream, numbered(n))));
    for (const _ of upTo(10)) {
      const revisions = (await collected(under.client.readStream(stream))).map(({ event }) => Number(event?.revision));
      expect(revisions).toEqual(upTo(revisions.length));
    }
    await writing;
    expect(await read(stream)).toHaveLength(201);
  });
});
