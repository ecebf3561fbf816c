import {
  persistentSubscriptionToAllSettingsFromDefaults as allSettings,
  END,
  jsonEvent,
  START,
  persistentSubscriptionToStreamSettingsFromDefaults as streamSettings,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { clientOf, freshStream, numberedUpTo, soon, storeUnderTest } from "../storeUnderTest.ts";
import { consumeStream, leaveUnanswered, numberOf } from "./consumer.ts";

const under = storeUnderTest();

describe("a group", () => {
  test("reads nothing while it has no consumer, and what it missed when it has one", async () => {
    const stream = freshStream();
    await under.client.createPersistentSubscriptionToStream(stream, "g", streamSettings({ startFrom: END }));
    await under.client.appendToStream(stream, numberedUpTo(600));
    const { stats, status } = await under.client.getPersistentSubscriptionToStreamInfo(stream, "g");
    expect(stats).toMatchObject({ readBufferCount: 0, totalItems: 0n, lastKnownEventRevision: 599n });
    expect(status).toBe("Behind");
    const consumer = consumeStream(under.client, stream, "g");
    await expect.poll(() => consumer.numbers.length, soon).toBe(600);
    await expect
      .poll(async () => (await under.client.getPersistentSubscriptionToStreamInfo(stream, "g")).status, soon)
      .toBe("Live");
  });

  test("holds no more than its consumer takes and one page, however much there is", async () => {
    const stream = freshStream();
    await under.client.appendToStream(stream, numberedUpTo(2_000));
    await under.client.createPersistentSubscriptionToStream(stream, "g", streamSettings({ startFrom: START }));
    const consumer = consumeStream(under.client, stream, "g", leaveUnanswered, 30);
    await expect.poll(() => consumer.numbers.length, soon).toBe(30);
    const { stats, connections } = await under.client.getPersistentSubscriptionToStreamInfo(stream, "g");
    expect(stats.totalInFlightMessages).toBe(30);
    expect(stats.readBufferCount).toBeLessThanOrEqual(20);
    expect(connections).toMatchObject([{ availableSlots: 0, inFlightMessages: 30 }]);
  });

  test("sends no more to a consumer that does not listen, has another one go on, and loses nothing", async () => {
    const stream = freshStream();
    const large = "x".repeat(100_000);
    const events = Array.from({ length: 200 }, (_, n) => jsonEvent({ type: "Large", data: { n, large } }));
    for (let from = 0; from < events.length; from += 5) {
      await under.client.appendToStream(stream, events.slice(from, from + 5));
    }
    await under.client.createPersistentSubscriptionToStream(stream, "g", streamSettings({ startFrom: START }));
    const deafClient = clientOf(under.store);
    // What the other one was given counts once, as heard: until it is acknowledged it is in flight as well.
    const heldByDeaf = async () => {
      const { connections } = await under.client.getPersistentSubscriptionToStreamInfo(stream, "g");
      return (
        connections.find(({ connectionName }) => connectionName === deafClient.connectionName)?.inFlightMessages ?? 0
      );
    };
    const deaf = deafClient.subscribeToPersistentSubscriptionToStream(stream, "g", { bufferSize: 200 });
    await expect.poll(heldByDeaf, soon).toBeGreaterThan(0);
    const consumer = consumeStream(clientOf(under.store), stream, "g");
    await expect.poll(async () => consumer.numbers.length + (await heldByDeaf()), soon).toBe(200);
    expect(await heldByDeaf()).toBeLessThan(100);
    const rest = 200 - consumer.numbers.length;
    const numbers = [...consumer.numbers];
    for await (const delivery of deaf) {
      numbers.push(numberOf(delivery));
      await deaf.ack(delivery);
      if (numbers.length === consumer.numbers.length + rest) break;
    }
    expect(numbers.toSorted((one, other) => one - other)).toEqual(events.map((_, n) => n));
  });

  test("costs little while it is idle: a thousand are made together in few writes", async () => {
    const names = Array.from({ length: 1_000 }, (_, n) => `many-${n}`);
    const create = (name: string) => under.client.createPersistentSubscriptionToStream("many", name, streamSettings());
    await Promise.all(names.map(create));
    expect(await under.client.listPersistentSubscriptionsToStream("many")).toHaveLength(1_000);
    let written = 0;
    for await (const { event } of under.client.readAll()) {
      if (event?.streamId === "$persistentSubscriptionConfig") written += 1;
    }
    expect(written).toBeLessThan(200);
  });
});

describe("what cannot be is refused with a reason", () => {
  const failed = { type: "persistent-subscription-failed" };

  test.each([
    ["no live buffer", { liveBufferSize: 0 }],
    ["no pages", { readBatchSize: 0 }],
    ["no history buffer", { historyBufferSize: 0 }],
    ["pages that fill the history buffer", { readBatchSize: 10, historyBufferSize: 10 }],
    ["a negative number of retries", { maxRetryCount: -1 }],
    ["a negative time", { messageTimeout: -5 }],
    ["a negative number of consumers", { maxSubscriberCount: -1 }],
  ])("%s", async (_, settings) => {
    const create = under.client.createPersistentSubscriptionToStream(freshStream(), "g", streamSettings(settings));
    await expect(create).rejects.toMatchObject(failed);
    await expect(under.client.createPersistentSubscriptionToAll("x", allSettings(settings))).rejects.toMatchObject(
      failed,
    );
  });

  test("a group without a name, and one of all streams in the guise of a stream", async () => {
    const { client } = under;
    await expect(client.createPersistentSubscriptionToStream("s", "", streamSettings())).rejects.toMatchObject(failed);
    await expect(client.createPersistentSubscriptionToStream("", "g", streamSettings())).rejects.toMatchObject(failed);
    await expect(client.createPersistentSubscriptionToStream("$all", "g", streamSettings())).rejects.toMatchObject(
      failed,
    );
  });

  test.each([0, -1, 2 ** 31 - 1])("a consumer that takes %i messages at once", async (bufferSize) => {
    const stream = freshStream();
    await under.client.createPersistentSubscriptionToStream(stream, "g", streamSettings());
    const consumer = consumeStream(under.client, stream, "g", leaveUnanswered, bufferSize);
    expect((await consumer.ended).message).toContain("The buffer size must be between 1 and 100000");
  });
});
