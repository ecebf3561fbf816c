import {
  ANY,
  type AppendExpectedRevision,
  NO_STREAM,
  STREAM_EXISTS,
  StreamDeletedError,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { collected, numbered, numberedUpTo, numbersOf } from "./numbered.ts";
import { freshName, serverUnderTest, soon } from "./serverUnderTest.ts";

const under = serverUnderTest();

const read = (stream: string) => numbersOf(under.client.readStream(stream));

const streamOf = async (count: number): Promise<string> => {
  const stream = freshName();
  await under.client.appendToStream(stream, numberedUpTo(count), { expectedRevision: NO_STREAM });
  return stream;
};

const deletedStreamOf = async (count: number): Promise<string> => {
  const stream = await streamOf(count);
  await under.client.deleteStream(stream);
  return stream;
};

const metadataOf = async (stream: string) => (await under.client.getStreamMetadata(stream)).metadata;

describe("deleting", () => {
  test.each([ANY, 2n] as const)("a stream that is expected at %s makes it unfindable", async (expectedRevision) => {
    const stream = await streamOf(3);
    await under.client.deleteStream(stream, { expectedRevision });
    await expect(read(stream)).rejects.toBeInstanceOf(StreamNotFoundError);
  });

  test.each([1n, 3n, NO_STREAM] as const)("a stream that is not at %s as expected is refused", async (expected) => {
    const stream = await streamOf(3);
    const refusal = under.client.deleteStream(stream, { expectedRevision: expected });
    await expect(refusal).rejects.toBeInstanceOf(WrongExpectedVersionError);
    await expect(refusal).rejects.toMatchObject({ streamName: stream, actualVersion: 2n });
    expect(await read(stream)).toEqual([0, 1, 2]);
  });

  test("is refused with the revision that was expected", async () => {
    const stream = await streamOf(1);
    const refusal = under.client.deleteStream(stream, { expectedRevision: 7n });
    await expect(refusal).rejects.toMatchObject({ expectedVersion: 7n });
  });

  test.each([ANY, NO_STREAM, 0n] as const)("a stream that was never written to is refused for %s", async (expected) => {
    const refusal = under.client.deleteStream(freshName(), { expectedRevision: expected });
    await expect(refusal).rejects.toBeInstanceOf(WrongExpectedVersionError);
  });

  test.each([ANY, NO_STREAM] as const)(
    "a stream with nothing but metadata is done when it is expected at %s",
    async (expectedRevision) => {
      const stream = freshName();
      await under.client.setStreamMetadata(stream, { owner: "Ada" });
      await under.client.deleteStream(stream, { expectedRevision });
      expect(await metadataOf(stream)).toEqual({ truncateBefore: 2 ** 63 });
    },
  );

  test("a deleted stream again is done", async () => {
    const stream = await deletedStreamOf(2);
    await under.client.deleteStream(stream, { expectedRevision: ANY });
    await under.client.deleteStream(stream, { expectedRevision: 1n });
    await expect(read(stream)).rejects.toBeInstanceOf(StreamNotFoundError);
  });

  test("is an event of the metastream, at the position that the deletion answers", async () => {
    const stream = await streamOf(1);
    const { position } = await under.client.deleteStream(stream);
    if (position === undefined) throw new Error("The deletion gave no position.");
    const [deletion] = await collected(under.client.readAll({ fromPosition: position, maxCount: 1 }));
    expect(deletion?.event).toMatchObject({ streamId: `$$${stream}`, type: "$metadata", position });
  });

  test("hides every revision that there can be, and drops all other metadata", async () => {
    const stream = await streamOf(2);
    await under.client.setStreamMetadata(stream, { maxCount: 1, owner: "Ada", acl: { readRoles: ["ada"] } });
    await under.client.deleteStream(stream);
    // The greatest int64, which this client can only round.
    expect(await metadataOf(stream)).toEqual({ truncateBefore: 2 ** 63 });
  });
});

describe("a deleted stream", () => {
  test.each<AppendExpectedRevision>([ANY, NO_STREAM, 2n])(
    "is recreated by an append that expects %s, and goes on counting",
    async (expectedRevision) => {
      const stream = await deletedStreamOf(3);
      const result = await under.client.appendToStream(stream, [numbered(3), numbered(4)], { expectedRevision });
      expect(result.nextExpectedRevision).toBe(4n);
      await expect.poll(() => read(stream), soon).toEqual([3, 4]);
    },
  );

  test.each([0n, 3n])("is not recreated by an append that expects it at %s", async (expectedRevision) => {
    const stream = await deletedStreamOf(3);
    const refusal = under.client.appendToStream(stream, numbered(3), { expectedRevision });
    await expect(refusal).rejects.toMatchObject({ type: "wrong-expected-version", actualVersion: 2n });
    await expect(read(stream)).rejects.toBeInstanceOf(StreamNotFoundError);
  });

  test.each(["a batched append", "an append alone"])("does not exist for %s that expects it to", async (way) => {
    const stream = await deletedStreamOf(1);
    const refusal = under.client.appendToStream(stream, numbered(1), {
      expectedRevision: STREAM_EXISTS,
      ...(way === "an append alone" && { credentials: under.credentials }),
    });
    await expect(refusal).rejects.toBeInstanceOf(StreamDeletedError);
    await expect(refusal).rejects.toMatchObject({ streamName: stream });
  });

  test("shows, once recreated, nothing of what it was", async () => {
    const stream = await deletedStreamOf(3);
    await under.client.appendToStream(stream, numbered(3));
    await expect.poll(() => read(stream), soon).toEqual([3]);
    expect(await numbersOf(under.client.readStream(stream, { fromRevision: 1n }))).toEqual([3]);
  });

  test("is, once recreated, a stream like any other to those who expect none", async () => {
    const stream = await deletedStreamOf(3);
    await under.client.appendToStream(stream, numbered(3), { expectedRevision: NO_STREAM });
    const refusal = under.client.appendToStream(stream, numbered(4), { expectedRevision: NO_STREAM });
    await expect(refusal).rejects.toMatchObject({ type: "wrong-expected-version", actualVersion: 3n });
  });

  test("has, once recreated, no other metadata than where it begins", async () => {
    const stream = await streamOf(2);
    await under.client.setStreamMetadata(stream, { maxCount: 1, owner: "Ada" });
    await under.client.deleteStream(stream);
    await under.client.appendToStream(stream, [numbered(2), numbered(3)]);
    await expect.poll(() => metadataOf(stream), soon).toEqual({ truncateBefore: 2 });
    expect(await read(stream)).toEqual([2, 3]);
  });

  test("is given its beginning by a second event of the metastream", async () => {
    const stream = await streamOf(1);
    const { position } = await under.client.deleteStream(stream);
    if (position === undefined) throw new Error("The deletion gave no position.");
    await under.client.appendToStream(stream, numbered(1));
    await expect.poll(() => metadataOf(stream), soon).toEqual({ truncateBefore: 1 });
    const since = await collected(under.client.readAll({ fromPosition: position }));
    const metadata = since.flatMap(({ event }) => (event?.streamId === `$$${stream}` ? [event] : []));
    expect(metadata.map(({ type, revision }) => [type, revision])).toEqual([
      ["$metadata", 0n],
      ["$metadata", 1n],
    ]);
  });

  test("comes back empty when only its metadata is written, which is kept", async () => {
    const stream = await deletedStreamOf(2);
    await under.client.setStreamMetadata(stream, { owner: "Ada" });
    await expect.poll(() => metadataOf(stream), soon).toEqual({ owner: "Ada", truncateBefore: 2 });
    expect(await read(stream)).toEqual([]);
    await under.client.appendToStream(stream, numbered(2), { expectedRevision: 1n });
    expect(await read(stream)).toEqual([2]);
  });

  test("may be recreated and deleted any number of times", async () => {
    const stream = freshName();
    for (const n of [0, 1, 2]) {
      const { nextExpectedRevision } = await under.client.appendToStream(stream, numbered(n));
      expect(nextExpectedRevision).toBe(BigInt(n));
      await expect.poll(() => read(stream), soon).toEqual([n]);
      await under.client.deleteStream(stream);
      await expect(read(stream)).rejects.toBeInstanceOf(StreamNotFoundError);
    }
  });

  test("knows the append again that recreated it", async () => {
    const stream = await deletedStreamOf(2);
    const events = [numbered(2), numbered(3)];
    const first = await under.client.appendToStream(stream, events);
    expect(await under.client.appendToStream(stream, events)).toEqual(first);
    await expect.poll(() => read(stream), soon).toEqual([2, 3]);
  });
});
