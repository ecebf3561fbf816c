import {
  DISPATCH_TO_SINGLE,
  END,
  PersistentSubscriptionDoesNotExistError,
  PINNED,
  ROUND_ROBIN,
  START,
  streamNameFilter,
  UNBOUNDED,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { numbered, numberedUpTo } from "../numbered.ts";
import { numberedStream } from "../numberedStream.ts";
import { freshName, serverUnderTest, soon } from "../serverUnderTest.ts";
import { type Answer, acknowledge } from "./consumer.ts";
import { groupOn, groupOnAll, inFlight, members } from "./group.ts";

const under = serverUnderTest();

const streamOf = (count: number): Promise<string> => numberedStream(under.client, count);

const everySetting = {
  resolveLinkTos: true,
  extraStatistics: true,
  messageTimeout: 12_345,
  maxRetryCount: 6,
  checkPointAfter: 3_456,
  checkPointLowerBound: 7,
  checkPointUpperBound: 89,
  maxSubscriberCount: 12,
  liveBufferSize: 321,
  readBatchSize: 32,
  historyBufferSize: 123,
  consumerStrategyName: PINNED,
};

describe("a group's settings", () => {
  test.each([
    ["the start", START],
    ["the end", END],
    ["a revision", 42n],
  ] as const)("on a stream, from %s, come back as they were given", async (_, startFrom) => {
    const stream = freshName();
    const settings = { ...everySetting, startFrom };
    const group = await groupOn(under.client, stream, settings);
    const info = await group.info();
    expect(info.settings).toEqual(settings);
    expect(info).toMatchObject({ eventSource: stream, groupName: group.name, connections: [] });
  });

  test.each([
    ["the start", START],
    ["the end", END],
  ] as const)("on all streams, from %s, come back as they were given", async (_, startFrom) => {
    const settings = { ...everySetting, startFrom };
    const group = await groupOnAll(under.client, settings, streamNameFilter({ prefixes: [freshName()] }));
    const info = await group.info();
    expect(info.settings).toEqual(settings);
    expect(info).toMatchObject({ eventSource: "$all", groupName: group.name, connections: [] });
  });

  test("on all streams, from a position, come back as they were given", async () => {
    const { position: startFrom } = await under.client.appendToStream(freshName(), numbered(0));
    if (startFrom === undefined) throw new Error("The append gave no position.");
    const settings = { ...everySetting, startFrom };
    const group = await groupOnAll(under.client, settings, streamNameFilter({ prefixes: [freshName()] }));
    expect((await group.info()).settings).toEqual(settings);
  });

  test.each([ROUND_ROBIN, DISPATCH_TO_SINGLE, PINNED])("may share events out by %s", async (consumerStrategyName) => {
    const group = await groupOn(under.client, freshName(), { consumerStrategyName });
    expect((await group.info()).settings.consumerStrategyName).toBe(consumerStrategyName);
  });

  test("may leave the number of consumers open, and turn off what goes by time", async () => {
    const settings = { maxSubscriberCount: UNBOUNDED, messageTimeout: 0, maxRetryCount: 0 } as const;
    const group = await groupOn(under.client, freshName(), settings);
    expect((await group.info()).settings).toMatchObject(settings);
  });
});

describe("what is known of a group", () => {
  test("is no event at first, then the last one there is", async () => {
    const stream = freshName();
    const group = await groupOn(under.client, stream);
    expect((await group.info()).stats.lastKnownEventRevision).toBeUndefined();
    expect((await group.info()).stats.lastCheckpointedEventRevision).toBeUndefined();
    group.consume(acknowledge);
    await under.client.appendToStream(stream, numberedUpTo(5));
    await expect.poll(async () => (await group.info()).stats.lastKnownEventRevision, soon).toBe(4n);
  });

  test("on all streams is the last position that it could be given", async () => {
    const stream = freshName();
    const group = await groupOnAll(under.client, {}, streamNameFilter({ prefixes: [stream] }));
    expect((await group.info()).stats.lastKnownEventPosition).toBeUndefined();
    group.consume(acknowledge);
    const { position } = await under.client.appendToStream(stream, numberedUpTo(3));
    await expect.poll(async () => (await group.info()).stats.lastKnownEventPosition, soon).toEqual(position);
  });

  test("is its checkpoint, which follows the acknowledgements", async () => {
    const settings = { checkPointLowerBound: 1, checkPointUpperBound: 1 };
    const group = await groupOn(under.client, await streamOf(4), settings);
    const answer: Answer = async (subscription, delivery) => {
      if (delivery.event?.revision !== 2n) await subscription.ack(delivery);
    };
    const consumer = group.consume(answer);
    const checkpointed = async () => (await group.info()).stats.lastCheckpointedEventRevision;
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2, 3]);
    await expect.poll(checkpointed, soon).toBe(1n);
    await consumer.subscription.ack(...consumer.deliveries.slice(2, 3));
    await expect.poll(checkpointed, soon).toBe(3n);
  });

  test("is that it is live when it has caught up", async () => {
    const group = await groupOn(under.client, await streamOf(3));
    const consumer = group.consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2]);
    await expect.poll(async () => (await group.info()).status, soon).toBe("Live");
  });

  test("is how much it has handed out and what is still in flight", async () => {
    const group = await groupOn(under.client, await streamOf(5));
    const consumer = group.consume(undefined, { bufferSize: 3 });
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2]);
    expect((await group.info()).stats).toMatchObject({
      totalItems: 3n,
      totalInFlightMessages: 3,
      outstandingMessagesCount: 3,
    });
    await consumer.subscription.ack(...consumer.deliveries);
    await expect
      .poll(async () => (await group.info()).stats, soon)
      .toMatchObject({
        totalItems: 5n,
        totalInFlightMessages: 2,
        outstandingMessagesCount: 2,
      });
  });
});

describe("what is known of a consumer", () => {
  test("is the name of its connection, its room and what it was given", async () => {
    const group = await groupOn(under.client, await streamOf(4));
    const client = under.connect({ connectionName: "billing-worker" });
    const consumer = group.consume(undefined, { client, bufferSize: 7 });
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2, 3]);
    const { connections } = await group.info();
    expect(connections).toHaveLength(1);
    expect(connections[0]).toMatchObject({
      connectionName: "billing-worker",
      totalItems: 4n,
      inFlightMessages: 4,
      availableSlots: 3,
    });
  });

  test("is who it is, on a connection that tells it", async () => {
    const group = await groupOn(under.client, freshName());
    group.consume();
    await members(group, 1);
    const [connection] = (await group.info()).connections;
    const isSecret = !under.url.includes("tls=false");
    expect(connection?.username).toEqual(isSecret ? under.credentials.username : expect.stringMatching(/./));
  });

  test("is how long it took, when the group is to record that", async () => {
    const group = await groupOn(under.client, await streamOf(20), { extraStatistics: true });
    const consumer = group.consume(acknowledge);
    await expect.poll(() => consumer.numbers.length, soon).toBe(20);
    await inFlight(group, 0);
    const { extraStatistics } = (await group.info()).connections[0] ?? {};
    expect([...(extraStatistics?.keys() ?? [])].toSorted()).toEqual([
      "90%",
      "95%",
      "99%",
      "99.5%",
      "99.9%",
      "fastest",
      "highest",
      "mean",
      "median",
      "quintile 1",
      "quintile 2",
      "quintile 3",
      "quintile 4",
      "quintile 5",
    ]);
  });

  test("is not how long it took, when the group is not to record that", async () => {
    const group = await groupOn(under.client, await streamOf(1));
    group.consume(acknowledge);
    await members(group, 1);
    expect((await group.info()).connections[0]?.extraStatistics).toBeUndefined();
  });

  test("is there for each of several", async () => {
    const group = await groupOn(under.client, freshName());
    for (const connectionName of ["first", "second"]) {
      group.consume(undefined, { client: under.connect({ connectionName }) });
    }
    await members(group, 2);
    const names = (await group.info()).connections.map(({ connectionName }) => connectionName);
    expect(names.toSorted()).toEqual(["first", "second"]);
  });
});

describe("asking about a group that does not exist", () => {
  test("on a stream is refused, naming both", async () => {
    const [streamName, groupName] = [freshName(), freshName("group")];
    const refusal = under.client.getPersistentSubscriptionToStreamInfo(streamName, groupName);
    await expect(refusal).rejects.toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
    await expect(refusal).rejects.toMatchObject({ streamName, groupName });
  });

  test("on all streams is refused, naming it", async () => {
    const groupName = freshName("group");
    const refusal = under.client.getPersistentSubscriptionToAllInfo(groupName);
    await expect(refusal).rejects.toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
    await expect(refusal).rejects.toMatchObject({ streamName: "$all", groupName });
  });
});
