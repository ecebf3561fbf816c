import {
  ANY,
  type AppendExpectedRevision,
  BACKWARDS,
  END,
  NO_STREAM,
  STREAM_EXISTS,
  StreamDeletedError,
  WrongExpectedVersionError,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { collected, numbered, numberedUpTo, numbersOf } from "./numbered.ts";
import { freshName, serverUnderTest } from "./serverUnderTest.ts";

const under = serverUnderTest();

const read = (stream: string) => numbersOf(under.client.readStream(stream));

const streamOf = async (count: number): Promise<string> => {
  const stream = freshName();
  await under.client.appendToStream(stream, numberedUpTo(count), { expectedRevision: NO_STREAM });
  return stream;
};

const tombstone = (stream: string, expectedRevision: AppendExpectedRevision) =>
  // @ts-expect-error The client can expect that the stream exists, though its type does not say so.
  under.client.tombstoneStream(stream, { expectedRevision });

describe("tombstoning", () => {
  test.each([ANY, STREAM_EXISTS, 2n] as const)("a stream that is expected at %s is done", async (expectedRevision) => {
    const stream = await streamOf(3);
    await tombstone(stream, expectedRevision);
    await expect(read(stream)).rejects.toBeInstanceOf(StreamDeletedError);
  });

  test.each([NO_STREAM, 1n, 3n] as const)("a stream that is not at %s as expected is refused", async (expected) => {
    const stream = await streamOf(3);
    const refusal = tombstone(stream, expected);
    await expect(refusal).rejects.toBeInstanceOf(WrongExpectedVersionError);
    await expect(refusal).rejects.toMatchObject({ streamName: stream, actualVersion: 2n });
    expect(await read(stream)).toEqual([0, 1, 2]);
  });

  test.each([ANY, NO_STREAM] as const)(
    "a stream that was never written to is done when it is expected at %s",
    async (expectedRevision) => {
      const stream = freshName();
      await tombstone(stream, expectedRevision);
      await expect(read(stream)).rejects.toBeInstanceOf(StreamDeletedError);
    },
  );

  // Here the client passes on the numbers that servers use among themselves.
  test.each([
    [STREAM_EXISTS, -4n],
    [0n, 0n],
  ] as const)("a stream that was never written to is refused when it is expected at %s", async (expected, number) => {
    const refusal = tombstone(freshName(), expected);
    await expect(refusal).rejects.toBeInstanceOf(WrongExpectedVersionError);
    await expect(refusal).rejects.toMatchObject({ expectedVersion: number, actualVersion: -1n });
  });

  test("a deleted stream is done", async () => {
    const stream = await streamOf(2);
    await under.client.deleteStream(stream);
    await tombstone(stream, 1n);
    await expect(read(stream)).rejects.toBeInstanceOf(StreamDeletedError);
  });

  test("a deleted stream that is expected to exist is refused", async () => {
    const stream = await streamOf(2);
    await under.client.deleteStream(stream);
    const refusal = tombstone(stream, STREAM_EXISTS);
    await expect(refusal).rejects.toBeInstanceOf(StreamDeletedError);
  });
});

describe("a tombstoned stream", () => {
  test.each<[string, (stream: string) => Promise<unknown>]>([
    ["reading", read],
    [
      "reading backwards",
      (stream) => collected(under.client.readStream(stream, { direction: BACKWARDS, fromRevision: END })),
    ],
    ["appending", (stream) => under.client.appendToStream(stream, numbered(1))],
    [
      "appending alone",
      (stream) => under.client.appendToStream(stream, numbered(1), { credentials: under.credentials }),
    ],
    ["deleting", (stream) => under.client.deleteStream(stream)],
    ["tombstoning", (stream) => under.client.tombstoneStream(stream)],
    ["writing metadata of", (stream) => under.client.setStreamMetadata(stream, {})],
    ["reading metadata of", (stream) => under.client.getStreamMetadata(stream)],
  ])("is gone for good: %s it fails", async (_, attempt) => {
    const stream = await streamOf(1);
    await under.client.setStreamMetadata(stream, { owner: "Ada" });
    await under.client.tombstoneStream(stream);
    await expect(attempt(stream)).rejects.toBeInstanceOf(StreamDeletedError);
  });

  test("is named by what fails", async () => {
    const stream = await streamOf(1);
    await under.client.tombstoneStream(stream);
    await expect(read(stream)).rejects.toMatchObject({ streamName: stream });
    await expect(under.client.deleteStream(stream)).rejects.toMatchObject({ streamName: stream });
  });

  test("shows in all streams as an event with the greatest revision, at the position that was answered", async () => {
    const stream = await streamOf(1);
    const { position } = await under.client.tombstoneStream(stream);
    if (position === undefined) throw new Error("The tombstone has no position.");
    const [tombstone] = await collected(under.client.readAll({ fromPosition: position, maxCount: 1 }));
    expect(tombstone?.event).toMatchObject({
      streamId: stream,
      type: "$streamDeleted",
      revision: 9_223_372_036_854_775_807n,
      position,
    });
  });

  test("takes no other stream with it", async () => {
    const stream = await streamOf(1);
    await under.client.appendToStream(`${stream}-2`, numbered(7));
    await under.client.tombstoneStream(stream);
    expect(await read(`${stream}-2`)).toEqual([7]);
  });
});
