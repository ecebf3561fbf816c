import {
  ANY,
  BACKWARDS,
  END,
  jsonEvent,
  NO_STREAM,
  STREAM_EXISTS,
  StreamDeletedError,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { freshStream, type Numbered, numbered, numberedUpTo, numbersOf, storeUnderTest } from "./storeUnderTest.ts";

const under = storeUnderTest();

const read = (stream: string) => numbersOf(under.client.readStream<Numbered>(stream));

const streamOf = async (count: number): Promise<string> => {
  const stream = freshStream();
  await under.client.appendToStream(stream, numberedUpTo(count), { expectedRevision: NO_STREAM });
  return stream;
};

const typesOf = async (stream: string): Promise<string[]> => {
  const types: string[] = [];
  for await (const { event } of under.client.readAll()) if (event?.streamId === stream) types.push(event.type);
  return types;
};

describe("a deleted stream", () => {
  test("is not found, keeps its events in $all and can be deleted again", async () => {
    const stream = await streamOf(3);
    const { position } = await under.client.deleteStream(stream, { expectedRevision: 2n });
    expect(position?.commit).toBeGreaterThan(0n);
    await expect(read(stream)).rejects.toBeInstanceOf(StreamNotFoundError);
    expect(await typesOf(stream)).toEqual(["Numbered", "Numbered", "Numbered"]);
    await under.client.deleteStream(stream, { expectedRevision: ANY });
  });

  test.each([ANY, NO_STREAM, 2n] as const)(
    "is recreated by an append that expects %s, and goes on counting",
    async (expectedRevision) => {
      const stream = await streamOf(3);
      await under.client.deleteStream(stream);
      const result = await under.client.appendToStream(stream, [numbered(3), numbered(4)], { expectedRevision });
      expect(result.nextExpectedRevision).toBe(4n);
      expect(await read(stream)).toEqual([3, 4]);
      const { metadata } = await under.client.getStreamMetadata(stream);
      expect(metadata).toEqual({ truncateBefore: 3 });
    },
  );

  test("does not exist for an append that expects it to", async () => {
    const stream = await streamOf(1);
    await under.client.deleteStream(stream);
    const append = under.client.appendToStream(stream, numbered(1), { expectedRevision: STREAM_EXISTS });
    await expect(append).rejects.toBeInstanceOf(StreamDeletedError);
  });

  test("comes back empty when only its metadata is written", async () => {
    const stream = await streamOf(2);
    await under.client.deleteStream(stream);
    await under.client.setStreamMetadata(stream, { owner: "Ada" });
    expect(await read(stream)).toEqual([]);
    expect((await under.client.getStreamMetadata(stream)).metadata).toEqual({ owner: "Ada", truncateBefore: 2 });
    await under.client.appendToStream(stream, numbered(2), { expectedRevision: 1n });
    expect(await read(stream)).toEqual([2]);
  });

  test("loses the metadata it had", async () => {
    const stream = await streamOf(2);
    await under.client.setStreamMetadata(stream, { maxCount: 1, owner: "Ada" });
    await under.client.deleteStream(stream);
    await under.client.appendToStream(stream, [numbered(2), numbered(3)]);
    expect(await read(stream)).toEqual([2, 3]);
  });
});

describe("deleting", () => {
  test("a stream that was never written to is refused", async () => {
    const refusal = under.client.deleteStream(freshStream(), { expectedRevision: ANY });
    await expect(refusal).rejects.toBeInstanceOf(WrongExpectedVersionError);
  });

  test("at another revision is refused and says which", async () => {
    const stream = await streamOf(3);
    await expect(under.client.deleteStream(stream, { expectedRevision: 7n })).rejects.toMatchObject({
      type: "wrong-expected-version",
      streamName: stream,
      expectedVersion: 7n,
      actualVersion: 2n,
    });
    expect(await read(stream)).toEqual([0, 1, 2]);
  });
});

describe("a tombstoned stream", () => {
  test("is gone for good: reading, appending, deleting and tombstoning it all fail", async () => {
    const stream = await streamOf(1);
    await under.client.tombstoneStream(stream, { expectedRevision: 0n });
    for (const attempt of [
      () => read(stream),
      () => under.client.appendToStream(stream, numbered(1)),
      () => under.client.deleteStream(stream),
      () => under.client.tombstoneStream(stream),
      () => under.client.setStreamMetadata(stream, {}),
      () => under.client.getStreamMetadata(stream),
    ]) {
      await expect(attempt()).rejects.toBeInstanceOf(StreamDeletedError);
    }
  });

  test("shows in $all as an event with the greatest revision", async () => {
    const stream = await streamOf(1);
    const { position } = await under.client.tombstoneStream(stream);
    for await (const { event } of under.client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 1 })) {
      expect(event).toMatchObject({ type: "$streamDeleted", revision: 2n ** 63n - 1n, position });
    }
  });

  test("need not have existed", async () => {
    const stream = freshStream();
    await under.client.tombstoneStream(stream, { expectedRevision: NO_STREAM });
    await expect(read(stream)).rejects.toBeInstanceOf(StreamDeletedError);
  });
});

describe("metadata", () => {
  test("comes back as written, and is empty where none was", async () => {
    const stream = freshStream();
    expect((await under.client.getStreamMetadata(stream)).metadata).toBeUndefined();
    const metadata = { maxAge: 3600, maxCount: 5, truncateBefore: 2, cacheControl: 10, owner: { name: "Ada" } };
    await under.client.setStreamMetadata(stream, metadata, { expectedRevision: NO_STREAM });
    expect((await under.client.getStreamMetadata(stream)).metadata).toEqual(metadata);
  });

  test("obeys its own expected revision", async () => {
    const stream = freshStream();
    await under.client.setStreamMetadata(stream, { maxCount: 1 }, { expectedRevision: NO_STREAM });
    const refusal = under.client.setStreamMetadata(stream, { maxCount: 2 }, { expectedRevision: NO_STREAM });
    await expect(refusal).rejects.toBeInstanceOf(WrongExpectedVersionError);
  });

  test("$maxCount leaves only the newest events to be read", async () => {
    const stream = await streamOf(10);
    await under.client.setStreamMetadata(stream, { maxCount: 3 });
    expect(await read(stream)).toEqual([7, 8, 9]);
    const backwards = under.client.readStream<Numbered>(stream, { direction: BACKWARDS, fromRevision: END });
    expect(await numbersOf(backwards)).toEqual([9, 8, 7]);
    await under.client.appendToStream(stream, numbered(10), { expectedRevision: 9n });
    expect(await read(stream)).toEqual([8, 9, 10]);
  });

  test("$tb hides what came before, up to everything, and the stream is still there", async () => {
    const stream = await streamOf(5);
    await under.client.setStreamMetadata(stream, { truncateBefore: 3 });
    expect(await read(stream)).toEqual([3, 4]);
    await under.client.setStreamMetadata(stream, { truncateBefore: 100 });
    expect(await read(stream)).toEqual([]);
  });

  test("$maxAge hides what is older, and nothing younger", async () => {
    const stream = await streamOf(2);
    await under.client.setStreamMetadata(stream, { maxAge: 1 });
    await expect.poll(() => read(stream), { timeout: 20_000 }).toEqual([]);
    await under.client.setStreamMetadata(stream, { maxAge: 3600 });
    expect(await read(stream)).toEqual([0, 1]);
  });

  test("that is malformed restricts nothing", async () => {
    const stream = await streamOf(3);
    const malformed = jsonEvent({ type: "$metadata", data: { $maxCount: "one", $tb: 2 } });
    await under.client.appendToStream(`$$${stream}`, malformed);
    expect(await read(stream)).toEqual([0, 1, 2]);
  });

  test("of a stream without events does not make the stream exist for readers", async () => {
    const stream = freshStream();
    await under.client.setStreamMetadata(stream, { maxCount: 3 });
    await expect(read(stream)).rejects.toBeInstanceOf(StreamNotFoundError);
  });
});
