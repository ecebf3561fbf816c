import {
  persistentSubscriptionToAllSettingsFromDefaults,
  persistentSubscriptionToStreamSettingsFromDefaults,
  START,
  streamNameFilter,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { numbered, numberedUpTo, upTo } from "../numbered.ts";
import { numberedStream } from "../numberedStream.ts";
import { freshName, isOwnServer, serverUnderTest, soon } from "../serverUnderTest.ts";
import { type Answer, acknowledge } from "./consumer.ts";
import { checkpointOf, groupOn, groupOnAll, inFlight, members } from "./group.ts";

const under = serverUnderTest();

const eachMessage = { checkPointLowerBound: 1, checkPointUpperBound: 1 };

const streamOf = (count: number): Promise<string> => numberedStream(under.client, count);

/** Acknowledges events of lower revisions and leaves the others unanswered. */
const acknowledgingBelow =
  (revision: bigint): Answer =>
  async (subscription, delivery) => {
    if (delivery.event !== undefined && delivery.event.revision < revision) await subscription.ack(delivery);
  };

describe("a group that everybody has left", () => {
  test("goes on after what was acknowledged", async () => {
    const stream = await streamOf(5);
    const group = await groupOn(under.client, stream);
    const first = group.consume(acknowledge);
    await expect.poll(() => first.numbers, soon).toEqual([0, 1, 2, 3, 4]);
    await inFlight(group, 0);
    await first.subscription.unsubscribe();
    await members(group, 0);
    await under.client.appendToStream(stream, [numbered(5), numbered(6)]);
    const second = group.consume(acknowledge);
    await expect.poll(() => second.numbers, soon).toEqual([5, 6]);
  });

  test("gives what was not acknowledged to who comes next, in order", async () => {
    const group = await groupOn(under.client, await streamOf(10));
    const first = group.consume(acknowledgingBelow(5n));
    await expect.poll(() => first.numbers, soon).toEqual(upTo(10));
    await inFlight(group, 5);
    await first.subscription.unsubscribe();
    await members(group, 0);
    const second = group.consume(acknowledge);
    await expect.poll(() => second.numbers, soon).toEqual([5, 6, 7, 8, 9]);
  });
});

test("a message whose consumers leave is tried again however seldom it may be retried", async () => {
  const group = await groupOn(under.client, await streamOf(1), { maxRetryCount: 0 });
  for (const retryCount of upTo(3)) {
    const leaving = group.consume();
    await expect.poll(() => leaving.deliveries.map((delivery) => delivery.retryCount), soon).toEqual([retryCount]);
    await leaving.subscription.unsubscribe();
    await members(group, 0);
  }
  expect((await group.info()).stats.parkedMessageCount).toBe(0n);
});

describe("a checkpoint", () => {
  test("is the revision up to which all is handled", async () => {
    const group = await groupOn(under.client, await streamOf(6), eachMessage);
    const consumer = group.consume(acknowledgingBelow(4n));
    await expect.poll(() => consumer.numbers, soon).toEqual(upTo(6));
    await expect.poll(() => checkpointOf(under.client, group), soon).toBe("3");
    await consumer.subscription.ack(...consumer.deliveries.slice(5));
    await consumer.subscription.ack(...consumer.deliveries.slice(4, 5));
    await expect.poll(() => checkpointOf(under.client, group), soon).toBe("5");
  });

  test("on all streams is the position up to which all is handled", async () => {
    const stream = freshName();
    const { position } = await under.client.appendToStream(stream, numberedUpTo(3));
    const group = await groupOnAll(under.client, eachMessage, streamNameFilter({ prefixes: [stream] }));
    const consumer = group.consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2]);
    const checkpointed = async () => (await group.info()).stats.lastCheckpointedEventPosition?.commit ?? -1n;
    await expect.poll(checkpointed, soon).toBeGreaterThanOrEqual(position?.commit ?? 0n);
    expect(await checkpointOf(under.client, group)).toMatch(/^C:\d+\/P:\d+$/);
  });

  test("is written when its time has come, though fewer events than its upper bound are handled", async () => {
    const settings = { checkPointAfter: 100, checkPointLowerBound: 1, checkPointUpperBound: 1_000 };
    const group = await groupOn(under.client, await streamOf(3), settings);
    group.consume(acknowledge);
    await expect.poll(() => checkpointOf(under.client, group), soon).toBe("2");
  });

  test("is where a group begins anew after an update, whatever start it is given", async () => {
    const stream = await streamOf(6);
    const group = await groupOn(under.client, stream, eachMessage);
    const first = group.consume(acknowledgingBelow(4n));
    await expect.poll(() => checkpointOf(under.client, group), soon).toBe("3");
    const settings = persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START });
    await under.client.updatePersistentSubscriptionToStream(stream, group.name, settings);
    await expect.poll(() => first.error, soon).toBeDefined();
    const second = group.consume(acknowledge);
    await expect.poll(() => second.numbers, soon).toEqual([4, 5]);
  });

  test("on all streams is where a group begins anew after an update", async () => {
    const stream = await streamOf(3);
    const group = await groupOnAll(under.client, eachMessage, streamNameFilter({ prefixes: [stream] }));
    const first = group.consume(acknowledge);
    await expect.poll(() => first.numbers, soon).toEqual([0, 1, 2]);
    await inFlight(group, 0);
    const last = first.deliveries.at(-1)?.event?.position?.commit ?? 0n;
    await expect.poll(async () => commitIn(await checkpointOf(under.client, group)), soon).toBeGreaterThanOrEqual(last);
    const settings = persistentSubscriptionToAllSettingsFromDefaults({ startFrom: START });
    await under.client.updatePersistentSubscriptionToAll(group.name, settings);
    const second = group.consume(acknowledge);
    await under.client.appendToStream(stream, numbered(3));
    await expect.poll(() => second.numbers, soon).toEqual([3]);
  });

  const commitIn = (checkpoint: unknown): bigint => BigInt(/^C:(\d+)/.exec(String(checkpoint))?.[1] ?? -1);
});

// Every consumer of a server is dropped by it, so it is left to servers that nobody else uses.
describe.runIf(isOwnServer)("restarting all groups", () => {
  test("lets each begin anew after its checkpoint, with its settings and what it has parked", async () => {
    const stream = await streamOf(6);
    const group = await groupOn(under.client, stream, { ...eachMessage, maxRetryCount: 4 });
    const consumer = group.consume(acknowledgingBelow(4n));
    await expect.poll(() => consumer.numbers, soon).toEqual(upTo(6));
    await expect.poll(() => checkpointOf(under.client, group), soon).toBe("3");
    await consumer.subscription.nack("park", "Kept", ...consumer.deliveries.slice(5));
    await expect.poll(async () => (await group.info()).stats.parkedMessageCount, soon).toBe(1n);
    const { settings } = await group.info();
    await under.client.restartPersistentSubscriptionSubsystem();
    await expect.poll(async () => (await group.info()).connections, soon).toEqual([]);
    expect((await group.info()).settings).toEqual(settings);
    const again = group.consume(acknowledge);
    await expect.poll(() => again.numbers, soon).toEqual([4, 5]);
    await expect.poll(async () => (await group.info()).stats.parkedMessageCount, soon).toBe(1n);
  });

  test("succeeds when there is none", async () => {
    await expect(under.client.restartPersistentSubscriptionSubsystem()).resolves.toBeUndefined();
  });
});
