import {
  AccessDeniedError,
  binaryEvent,
  DeadlineExceededError,
  type EventStoreDBClient,
  MaxAppendSizeExceededError,
  NO_STREAM,
  persistentSubscriptionToStreamSettingsFromDefaults,
  StreamDeletedError,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { heardBy } from "./heard.ts";
import { numbered, numbersOf } from "./numbered.ts";
import { numberedStream } from "./numberedStream.ts";
import { freshName, serverUnderTest, soon } from "./serverUnderTest.ts";

const under = serverUnderTest();

const streamOf = (count: number): Promise<string> => numberedStream(under.client, count);

const tombstoned = async (): Promise<string> => {
  const stream = freshName();
  await under.client.tombstoneStream(stream, { expectedRevision: NO_STREAM });
  return stream;
};

/** The two ways in which the client appends. */
const ways = [
  ["in a batch", () => ({})],
  ["alone", () => ({ credentials: under.credentials })],
] as const;

describe("WrongExpectedVersionError", () => {
  test.each(ways)("comes from an append %s, with the revision that is there", async (_, options) => {
    const stream = await streamOf(3);
    const refusal = under.client.appendToStream(stream, numbered(3), { ...options(), expectedRevision: 1n });
    await expect(refusal).rejects.toBeInstanceOf(WrongExpectedVersionError);
    await expect(refusal).rejects.toMatchObject({ streamName: stream, expectedVersion: 1n, actualVersion: 2n });
  });

  test.each(ways)("comes from an append %s where no stream is", async (_, options) => {
    const stream = freshName();
    const refusal = under.client.appendToStream(stream, numbered(0), { ...options(), expectedRevision: 5n });
    await expect(refusal).rejects.toBeInstanceOf(WrongExpectedVersionError);
    await expect(refusal).rejects.toMatchObject({
      streamName: stream,
      expectedVersion: 5n,
      actualVersion: "no_stream",
    });
  });

  test.each(ways)("comes from an append %s that expects no stream", async (_, options) => {
    const stream = await streamOf(2);
    const refusal = under.client.appendToStream(stream, numbered(0), { ...options(), expectedRevision: NO_STREAM });
    await expect(refusal).rejects.toBeInstanceOf(WrongExpectedVersionError);
    await expect(refusal).rejects.toMatchObject({
      streamName: stream,
      expectedVersion: "no_stream",
      actualVersion: 1n,
    });
  });

  test.each([
    ["a deletion", (stream: string) => under.client.deleteStream(stream, { expectedRevision: 9n })],
    ["a tombstone", (stream: string) => under.client.tombstoneStream(stream, { expectedRevision: 9n })],
  ])("comes from %s", async (_, attempt) => {
    const stream = await streamOf(2);
    const refusal = attempt(stream);
    await expect(refusal).rejects.toBeInstanceOf(WrongExpectedVersionError);
    await expect(refusal).rejects.toMatchObject({ streamName: stream, expectedVersion: 9n, actualVersion: 1n });
  });
});

describe("StreamNotFoundError", () => {
  test("comes from reading and names the stream", async () => {
    const streamName = freshName();
    const refusal = numbersOf(under.client.readStream(streamName));
    await expect(refusal).rejects.toBeInstanceOf(StreamNotFoundError);
    await expect(refusal).rejects.toMatchObject({ streamName });
  });
});

describe("StreamDeletedError", () => {
  test.each([
    ["reading", (stream: string) => numbersOf(under.client.readStream(stream))],
    ["an append in a batch", (stream: string) => under.client.appendToStream(stream, numbered(0))],
    [
      "an append alone",
      (stream: string) => under.client.appendToStream(stream, numbered(0), { credentials: under.credentials }),
    ],
    ["a deletion", (stream: string) => under.client.deleteStream(stream)],
    ["a tombstone", (stream: string) => under.client.tombstoneStream(stream)],
  ])("comes from %s and names the stream", async (_, attempt) => {
    const streamName = await tombstoned();
    const refusal = attempt(streamName);
    await expect(refusal).rejects.toBeInstanceOf(StreamDeletedError);
    await expect(refusal).rejects.toMatchObject({ streamName });
  });

  test("comes from a subscription and names the stream", async () => {
    const streamName = await tombstoned();
    const heard = heardBy(under.client.subscribeToStream(streamName));
    await expect.poll(() => heard.error, soon).toBeInstanceOf(StreamDeletedError);
    expect(heard.error).toMatchObject({ streamName });
  });
});

describe("MaxAppendSizeExceededError", () => {
  test.each(ways)("comes from an append %s and says how much it may be", async (_, options) => {
    const maxAppendSize = 1_048_576;
    const event = binaryEvent({ type: "Scanned", data: Buffer.alloc(maxAppendSize + 1) });
    const refusal = under.client.appendToStream(freshName(), event, options());
    await expect(refusal).rejects.toBeInstanceOf(MaxAppendSizeExceededError);
    await expect(refusal).rejects.toMatchObject({ maxAppendSize });
  });
});

describe("AccessDeniedError", () => {
  test.each(ways)("comes from an append %s to all streams", async (_, options) => {
    const refusal = under.client.appendToStream("$all", numbered(0), options());
    await expect(refusal).rejects.toBeInstanceOf(AccessDeniedError);
  });
});

describe("DeadlineExceededError", () => {
  test.each([
    ["a deletion", (client: EventStoreDBClient) => client.deleteStream(freshName(), { deadline: 0 })],
    ["a question about a group", groupInfoWithoutTime],
  ])("comes from %s that has no time", async (_, attempt) => {
    await expect(attempt(under.client)).rejects.toBeInstanceOf(DeadlineExceededError);
  });

  function groupInfoWithoutTime(client: EventStoreDBClient) {
    return client.getPersistentSubscriptionToStreamInfo(freshName(), freshName("group"), { deadline: 0 });
  }
});

test("an error of one call ends no other call of the same client", async () => {
  const stream = freshName();
  const gone = await tombstoned();
  const client = under.connect();
  const heard = heardBy(client.subscribeToStream(stream));
  await expect.poll(() => heard.caughtUp, soon).toBe(1);
  const group = freshName("group");
  const settings = persistentSubscriptionToStreamSettingsFromDefaults();
  await client.createPersistentSubscriptionToStream(stream, group, settings);
  const dropped = new Promise((resolve) => {
    const consumer = client.subscribeToPersistentSubscriptionToStream(stream, group).on("error", resolve);
    consumer.on("confirmation", () => client.deletePersistentSubscriptionToStream(stream, group));
    consumer.resume();
  });
  await dropped;
  for (const attempt of [
    () => numbersOf(client.readStream(gone)),
    () => client.appendToStream(gone, numbered(0)),
    () => client.appendToStream(stream, numbered(0), { expectedRevision: 9n }),
    () => client.deleteStream(stream, { expectedRevision: 9n }),
    () => client.appendToStream("$all", numbered(0)),
    () => client.deleteStream(stream, { deadline: 0 }),
    () => client.getPersistentSubscriptionToStreamInfo(stream, group),
  ]) {
    await expect(attempt()).rejects.toBeInstanceOf(Error);
  }
  await client.appendToStream(stream, numbered(0));
  await expect.poll(() => heard.numbers, soon).toEqual([0]);
  expect(heard.error).toBeUndefined();
});
