import {
  persistentSubscriptionToAllSettingsFromDefaults as allSettings,
  END,
  type EventStoreDBClient,
  START,
  streamNameFilter,
  persistentSubscriptionToStreamSettingsFromDefaults as streamSettings,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import type { EmbeddedEventStore } from "../../../../src/embedded/eventStore.ts";
import { clientOf, directoryOfTest, numbered, numberedUpTo, soon, startedStore } from "../storeUnderTest.ts";
import { acknowledge, consumeAll, consumeStream, leaveUnanswered, numberOf, park } from "./consumer.ts";

const everyMessage = { checkPointLowerBound: 1, checkPointUpperBound: 1 };
const neverCheckpointed = { checkPointAfter: 0 };

/** Kills the process that serves, and waits for the one that takes its place. */
const kill = async (store: EmbeddedEventStore): Promise<void> => {
  const { pid } = store;
  process.kill(pid, "SIGKILL");
  await expect.poll(() => store.pid, soon).not.toBe(pid);
};

const infoOf = (client: EventStoreDBClient, stream: string, group: string) =>
  client.getPersistentSubscriptionToStreamInfo(stream, group);

const checkpointOf = async (client: EventStoreDBClient, stream: string, group: string) =>
  (await infoOf(client, stream, group)).stats.lastCheckpointedEventRevision;

const parkedOf = async (client: EventStoreDBClient, stream: string, group: string) =>
  (await infoOf(client, stream, group)).stats.parkedMessageCount;

describe("after an orderly restart", () => {
  test("each group is there with its settings and its filter, and a deleted one is not", async () => {
    const directory = directoryOfTest();
    const first = await startedStore({ directory });
    const client = clientOf(first);
    const strange = streamSettings({ startFrom: 7n, maxSubscriberCount: 3, consumerStrategyName: "Pinned" });
    await client.createPersistentSubscriptionToStream("order", "billing", strange);
    await client.createPersistentSubscriptionToStream("order", "gone", streamSettings());
    await client.deletePersistentSubscriptionToStream("order", "gone");
    const filter = streamNameFilter({ prefixes: ["wanted-"] });
    await client.createPersistentSubscriptionToAll("audit", allSettings({ startFrom: START }), { filter });
    const before = await client.listAllPersistentSubscriptions();
    await first.stop();

    const again = clientOf(await startedStore({ directory }));
    const after = await again.listAllPersistentSubscriptions();
    expect(after.map(({ settings }) => settings)).toEqual(before.map(({ settings }) => settings));
    expect(after.map(({ groupName }) => groupName)).toEqual(["billing", "audit"]);
    await again.appendToStream("other-1", numbered(1));
    await again.appendToStream("wanted-1", numbered(2));
    const consumer = consumeAll(again, "audit");
    await expect.poll(() => consumer.numbers, soon).toEqual([2]);
  });

  test("a group goes on after its checkpoint, and keeps what it parked", async () => {
    const directory = directoryOfTest();
    const first = await startedStore({ directory });
    const client = clientOf(first);
    await client.appendToStream("order", numberedUpTo(6));
    await client.createPersistentSubscriptionToStream(
      "order",
      "g",
      streamSettings({ startFrom: START, ...everyMessage }),
    );
    consumeStream(client, "order", "g", async (subscription, delivery) => {
      if (numberOf(delivery) === 1) await park(subscription, delivery);
      else if (numberOf(delivery) < 4) await acknowledge(subscription, delivery);
    });
    await expect.poll(() => checkpointOf(client, "order", "g"), soon).toBe(3n);
    await first.stop();

    const again = clientOf(await startedStore({ directory }));
    expect(await parkedOf(again, "order", "g")).toBe(1n);
    expect(await checkpointOf(again, "order", "g")).toBe(3n);
    const consumer = consumeStream(again, "order", "g");
    await expect.poll(() => consumer.numbers, soon).toEqual([4, 5]);
    await again.replayParkedMessagesToStream("order", "g");
    await expect.poll(() => consumer.numbers, soon).toEqual([4, 5, 1]);
  });
});

describe("when the process is killed", () => {
  test("a group that begins at the end is given what was appended before anybody read from it", async () => {
    const store = await startedStore({ directory: directoryOfTest() });
    const client = clientOf(store);
    await client.appendToStream("order", numberedUpTo(3));
    await client.createPersistentSubscriptionToStream("order", "g", streamSettings({ startFrom: END }));
    await client.createPersistentSubscriptionToAll("a", allSettings({ startFrom: END }), {
      filter: streamNameFilter({ prefixes: ["order"] }),
    });
    await client.appendToStream("order", [numbered(3), numbered(4)]);
    await kill(store);
    const consumers = [consumeStream(clientOf(store), "order", "g"), consumeAll(clientOf(store), "a")];
    for (const consumer of consumers) await expect.poll(() => consumer.numbers, soon).toEqual([3, 4]);
  });

  test("what was in flight or acknowledged without a checkpoint comes again", async () => {
    const store = await startedStore({ directory: directoryOfTest() });
    const client = clientOf(store);
    await client.appendToStream("order", numberedUpTo(5));
    const settings = streamSettings({ startFrom: START, ...neverCheckpointed });
    await client.createPersistentSubscriptionToStream("order", "g", settings);
    const consumer = consumeStream(client, "order", "g", async (subscription, delivery) => {
      if (numberOf(delivery) < 2) await acknowledge(subscription, delivery);
    });
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2, 3, 4]);
    await kill(store);
    const again = consumeStream(clientOf(store), "order", "g");
    await expect.poll(() => again.numbers, soon).toEqual([0, 1, 2, 3, 4]);
    expect(again.deliveries.map(({ retryCount }) => retryCount)).toEqual([0, 0, 0, 0, 0]);
  });

  test("replayed messages that were not acknowledged are replayed further", async () => {
    const store = await startedStore({ directory: directoryOfTest() });
    const client = clientOf(store);
    await client.appendToStream("order", numberedUpTo(8));
    await client.createPersistentSubscriptionToStream(
      "order",
      "g",
      streamSettings({ startFrom: START, ...everyMessage }),
    );
    const parking = consumeStream(client, "order", "g", park);
    await expect.poll(() => parkedOf(client, "order", "g"), soon).toBe(8n);
    await expect.poll(() => checkpointOf(client, "order", "g"), soon).toBe(7n);
    await parking.leave();
    await client.replayParkedMessagesToStream("order", "g", { stopAt: 6 });
    expect(await parkedOf(client, "order", "g")).toBe(2n);
    const unsure = consumeStream(client, "order", "g", leaveUnanswered, 3);
    await expect.poll(() => unsure.numbers, soon).toEqual([0, 1, 2]);
    await kill(store);

    const again = clientOf(store);
    expect(await parkedOf(again, "order", "g")).toBe(2n);
    const consumer = consumeStream(again, "order", "g");
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2, 3, 4, 5]);
    await expect.poll(async () => (await infoOf(again, "order", "g")).stats.retryBufferCount, soon).toBe(0);
    await again.appendToStream("order", numbered(8));
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2, 3, 4, 5, 8]);
  });

  test("again and again under load, each event is acknowledged or parked in the end", async () => {
    const store = await startedStore({ directory: directoryOfTest() });
    const setUp = clientOf(store);
    const total = 400;
    await setUp.appendToStream("order", numberedUpTo(total));
    const settings = streamSettings({ startFrom: START, checkPointUpperBound: 7, maxRetryCount: 2 });
    await setUp.createPersistentSubscriptionToStream("order", "g", settings);
    const acknowledged = new Set<number>();
    let deliveries = 0;

    const consumeUntil = async (count: number): Promise<void> => {
      const client = clientOf(store);
      const goal = deliveries + count;
      const consumers = [0, 1].map(() =>
        consumeStream(client, "order", "g", async (subscription, delivery) => {
          deliveries += 1;
          const n = numberOf(delivery);
          if (n % 5 === 0) return subscription.nack("park", "broken", delivery);
          if (n % 7 === 0) return subscription.nack("retry", "once more", delivery);
          await subscription.ack(delivery);
          acknowledged.add(n);
        }),
      );
      await expect.poll(() => deliveries, soon).toBeGreaterThan(goal);
      await kill(store);
      await Promise.all(consumers.map(({ ended }) => ended));
    };
    for (const count of [60, 90, 120]) await consumeUntil(count);

    const client = clientOf(store);
    consumeStream(client, "order", "g", async (subscription, delivery) => {
      if (numberOf(delivery) % 5 === 0) return park(subscription, delivery);
      await acknowledge(subscription, delivery);
      acknowledged.add(numberOf(delivery));
    });
    await expect.poll(async () => (await checkpointOf(client, "order", "g")) ?? -1n, soon).toBeGreaterThan(390n);
    await expect.poll(async () => (await infoOf(client, "order", "g")).stats.totalInFlightMessages, soon).toBe(0);
    const parked = new Set<number>();
    const parkedEvents = client.readStream("$persistentsubscription-order::g-parked", { resolveLinkTos: true });
    for await (const resolved of parkedEvents) parked.add(numberOf(resolved));
    const missing = Array.from({ length: total }, (_, n) => n).filter((n) => !acknowledged.has(n) && !parked.has(n));
    expect(missing).toEqual([]);
  });
});
