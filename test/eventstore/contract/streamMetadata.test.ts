import {
  BACKWARDS,
  binaryEvent,
  END,
  type EventData,
  jsonEvent,
  NO_STREAM,
  STREAM_EXISTS,
  type StreamMetadata,
  WrongExpectedVersionError,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { heardBy } from "./heard.ts";
import { collected, numbered, numberedUpTo, numbersOf, upTo } from "./numbered.ts";
import { freshName, serverUnderTest, soon } from "./serverUnderTest.ts";

const under = serverUnderTest();

const read = (stream: string) => numbersOf(under.client.readStream(stream));

const readBackwards = (stream: string) =>
  numbersOf(under.client.readStream(stream, { direction: BACKWARDS, fromRevision: END }));

const streamOf = async (count: number, metadata?: StreamMetadata): Promise<string> => {
  const stream = freshName();
  await under.client.appendToStream(stream, numberedUpTo(count), { expectedRevision: NO_STREAM });
  if (metadata !== undefined) await under.client.setStreamMetadata(stream, metadata);
  return stream;
};

const metadataOf = async (stream: string) => (await under.client.getStreamMetadata(stream)).metadata;

describe("the metadata of a stream", () => {
  test("is absent where none was written", async () => {
    const stream = freshName();
    expect(await under.client.getStreamMetadata(stream)).toEqual({ streamName: stream });
  });

  test.each<[string, StreamMetadata]>([
    ["what the server understands", { maxAge: 3_600, maxCount: 5, truncateBefore: 2, cacheControl: 10 }],
    ["a single rule", { maxAge: 7_200 }],
    [
      "what only its owner understands",
      { owner: { name: "Ada", tags: ["a"] }, kitten: "😾", isOpen: true, none: null },
    ],
    [
      "who may do what",
      {
        acl: {
          readRoles: ["ada", "$all"],
          writeRoles: ["ada"],
          deleteRoles: ["$admins"],
          metaReadRoles: ["ada"],
          metaWriteRoles: ["$admins"],
        },
      },
    ],
    ["nothing", {}],
  ])("comes back as written when it holds %s", async (_, metadata) => {
    const stream = await streamOf(1, metadata);
    expect(await metadataOf(stream)).toEqual(metadata);
  });

  test("is replaced as a whole by what is written next", async () => {
    const stream = await streamOf(1, { maxCount: 5, owner: "Ada" });
    await under.client.setStreamMetadata(stream, { maxAge: 60 });
    expect(await metadataOf(stream)).toEqual({ maxAge: 60 });
  });

  test("may be written before the stream is", async () => {
    const stream = freshName();
    await under.client.setStreamMetadata(stream, { maxCount: 2 }, { expectedRevision: NO_STREAM });
    await under.client.appendToStream(stream, numberedUpTo(5), { expectedRevision: NO_STREAM });
    expect(await read(stream)).toEqual([3, 4]);
  });

  test("has revisions of its own, which can be expected", async () => {
    const stream = await streamOf(5);
    const write = (expectedRevision: bigint | typeof NO_STREAM) =>
      under.client.setStreamMetadata(stream, { maxCount: 3 }, { expectedRevision });
    expect((await write(NO_STREAM)).nextExpectedRevision).toBe(0n);
    expect((await write(0n)).nextExpectedRevision).toBe(1n);
    await expect(write(NO_STREAM)).rejects.toBeInstanceOf(WrongExpectedVersionError);
    await expect(write(0n)).rejects.toMatchObject({ streamName: `$$${stream}`, actualVersion: 1n });
  });

  test("is the last event of the metastream, the only one that can be read there", async () => {
    const stream = await streamOf(1, { maxCount: 5 });
    await under.client.setStreamMetadata(stream, { maxCount: 6 });
    const events = await collected(under.client.readStream(`$$${stream}`));
    expect(events.map(({ event }) => [event?.type, event?.revision, event?.data])).toEqual([
      ["$metadata", 1n, { $maxCount: 6 }],
    ]);
  });
});

describe("$maxCount", () => {
  test("leaves only the newest events to be read, in either direction", async () => {
    const stream = await streamOf(10, { maxCount: 3 });
    expect(await read(stream)).toEqual([7, 8, 9]);
    expect(await readBackwards(stream)).toEqual([9, 8, 7]);
  });

  test("moves on with every append", async () => {
    const stream = await streamOf(5, { maxCount: 2 });
    await under.client.appendToStream(stream, numbered(5), { expectedRevision: 4n });
    expect(await read(stream)).toEqual([4, 5]);
  });

  test("that is more than there is hides nothing", async () => {
    expect(await read(await streamOf(3, { maxCount: 100 }))).toEqual([0, 1, 2]);
  });
});

describe("$tb", () => {
  test("hides what comes before it, in either direction", async () => {
    const stream = await streamOf(5, { truncateBefore: 3 });
    expect(await read(stream)).toEqual([3, 4]);
    expect(await readBackwards(stream)).toEqual([4, 3]);
  });

  test("lets a read from before it begin where the stream does", async () => {
    const stream = await streamOf(5, { truncateBefore: 3 });
    expect(await numbersOf(under.client.readStream(stream, { fromRevision: 1n, maxCount: 1 }))).toEqual([3]);
  });

  test("leaves nothing to a read backwards from before it", async () => {
    const stream = await streamOf(5, { truncateBefore: 3 });
    const backwards = under.client.readStream(stream, { direction: BACKWARDS, fromRevision: 1n });
    expect(await numbersOf(backwards)).toEqual([]);
  });

  test("beyond the end leaves a stream that is empty, and there", async () => {
    const stream = await streamOf(5, { truncateBefore: 100 });
    expect(await read(stream)).toEqual([]);
    const { nextExpectedRevision } = await under.client.appendToStream(stream, numbered(5), {
      expectedRevision: STREAM_EXISTS,
    });
    expect(nextExpectedRevision).toBe(5n);
  });

  test("holds beside $maxCount, whichever hides more", async () => {
    expect(await read(await streamOf(6, { truncateBefore: 2, maxCount: 3 }))).toEqual([3, 4, 5]);
    expect(await read(await streamOf(6, { truncateBefore: 4, maxCount: 3 }))).toEqual([4, 5]);
  });

  test("is where a subscription from the start begins", async () => {
    const stream = await streamOf(5, { truncateBefore: 3 });
    const seen: bigint[] = [];
    for await (const { event } of under.client.subscribeToStream(stream)) {
      seen.push(event?.revision ?? -1n);
      if (event?.revision === 4n) break;
    }
    expect(seen).toEqual([3n, 4n]);
  });
});

test("$maxAge hides what is older from readers and subscribers, and nothing younger", async () => {
  const stream = await streamOf(2, { maxAge: 1 });
  await expect.poll(() => read(stream), soon).toEqual([]);
  const heard = heardBy(under.client.subscribeToStream(stream));
  await expect.poll(() => heard.order, soon).toEqual(["confirmation", "caughtUp"]);
  await under.client.setStreamMetadata(stream, { maxAge: 3_600 });
  expect(await read(stream)).toEqual([0, 1]);
});

describe("metadata that restricts nothing", () => {
  const metadata = (data: Record<string, unknown>): EventData => jsonEvent({ type: "$metadata", data });

  test.each<[string, EventData]>([
    ["a $maxCount that is no number", metadata({ $maxCount: "one", $tb: 2 })],
    ["a $maxAge that is no integer", metadata({ $maxAge: 0.5, $tb: 2 })],
    ["a $tb that is no number", metadata({ $maxCount: 1, $tb: "two" })],
    ["a $cacheControl that is no number", metadata({ $maxCount: 1, $cacheControl: true })],
    ["an $acl that is no object", metadata({ $maxCount: 1, $acl: "everybody" })],
    ["an $acl whose roles are no names", metadata({ $maxCount: 1, $acl: { $r: [1] } })],
    ["a $maxCount of zero", metadata({ $maxCount: 0 })],
    ["a negative $maxCount", metadata({ $maxCount: -1 })],
    ["a $maxAge of zero", metadata({ $maxAge: 0 })],
    ["a negative $tb", metadata({ $tb: -1 })],
    ["bytes that are no JSON", binaryEvent({ type: "$metadata", data: Buffer.from("{") })],
  ])("is %s", async (_, malformed) => {
    const stream = await streamOf(3);
    await under.client.appendToStream(`$$${stream}`, malformed);
    expect(await read(stream)).toEqual(upTo(3));
  });
});
