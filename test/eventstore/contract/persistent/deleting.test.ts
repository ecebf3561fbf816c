import {
  PARK,
  PersistentSubscriptionDoesNotExistError,
  PersistentSubscriptionDroppedError,
  persistentSubscriptionToAllSettingsFromDefaults,
  persistentSubscriptionToStreamSettingsFromDefaults,
  START,
  streamNameFilter,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { numberedUpTo } from "../numbered.ts";
import { numberedStream } from "../numberedStream.ts";
import { freshName, serverUnderTest, soon } from "../serverUnderTest.ts";
import { acknowledge } from "./consumer.ts";
import { checkpointOf, groupOn, groupOnAll, members, parkedMessages } from "./group.ts";

const under = serverUnderTest();

const checkpointsEachMessage = { checkPointLowerBound: 1, checkPointUpperBound: 1 };

const streamOf = (count: number): Promise<string> => numberedStream(under.client, count);

describe("deleting a group", () => {
  test("on a stream drops its consumers, naming the stream and itself", async () => {
    const stream = await streamOf(2);
    const group = await groupOn(under.client, stream);
    const consumers = [group.consume(), group.consume()];
    await members(group, 2);
    await under.client.deletePersistentSubscriptionToStream(stream, group.name);
    for (const consumer of consumers) {
      await expect.poll(() => consumer.error, soon).toBeInstanceOf(PersistentSubscriptionDroppedError);
      expect(consumer.error).toMatchObject({ streamName: stream, groupName: group.name });
    }
  });

  test("on all streams drops its consumers, naming itself", async () => {
    const group = await groupOnAll(under.client, {}, streamNameFilter({ prefixes: [freshName()] }));
    const consumer = group.consume();
    await members(group, 1);
    await under.client.deletePersistentSubscriptionToAll(group.name);
    await expect.poll(() => consumer.error, soon).toBeInstanceOf(PersistentSubscriptionDroppedError);
    expect(consumer.error).toMatchObject({ streamName: "$all", groupName: group.name });
  });

  test("leaves nothing to join, to ask about or to delete", async () => {
    const stream = freshName();
    const group = await groupOn(under.client, stream);
    await under.client.deletePersistentSubscriptionToStream(stream, group.name);
    await expect(group.info()).rejects.toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
    const consumer = group.consume();
    await expect.poll(() => consumer.error, soon).toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
    const again = under.client.deletePersistentSubscriptionToStream(stream, group.name);
    await expect(again).rejects.toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
  });

  test("while its consumers answer harms neither them nor anybody else", async () => {
    const stream = await streamOf(500);
    const group = await groupOn(under.client, stream);
    const client = under.connect();
    const consumers = [group.consume(acknowledge, { client }), group.consume(acknowledge, { client })];
    for (const consumer of consumers) await expect.poll(() => consumer.numbers.length, soon).toBeGreaterThan(0);
    await under.client.deletePersistentSubscriptionToStream(stream, group.name);
    for (const consumer of consumers) await expect.poll(() => consumer.error, soon).toBeDefined();
    const { success } = await client.appendToStream(stream, numberedUpTo(1));
    expect(success).toBe(true);
  });

  test("leaves the other groups of the stream alone", async () => {
    const stream = await streamOf(1);
    const [one, other] = [await groupOn(under.client, stream), await groupOn(under.client, stream)];
    const consumer = other.consume(acknowledge);
    await under.client.deletePersistentSubscriptionToStream(stream, one.name);
    await under.client.appendToStream(stream, numberedUpTo(1));
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 0]);
    expect(consumer.error).toBeUndefined();
  });

  test("that does not exist on the stream is refused, naming both", async () => {
    const [streamName, groupName] = [freshName(), freshName("group")];
    const refusal = under.client.deletePersistentSubscriptionToStream(streamName, groupName);
    await expect(refusal).rejects.toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
    await expect(refusal).rejects.toMatchObject({ streamName, groupName });
  });

  test("that does not exist on all streams is refused, naming it", async () => {
    const groupName = freshName("group");
    const refusal = under.client.deletePersistentSubscriptionToAll(groupName);
    await expect(refusal).rejects.toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
    await expect(refusal).rejects.toMatchObject({ streamName: "$all", groupName });
  });
});

describe("a group that is made again after its deletion", () => {
  test("on a stream begins where it is told to, and has parked nothing", async () => {
    const stream = await streamOf(4);
    const first = await groupOn(under.client, stream, checkpointsEachMessage);
    first.consume((subscription, delivery) =>
      delivery.event?.revision === 2n ? subscription.nack(PARK, "To leave one", delivery) : subscription.ack(delivery),
    );
    await parkedMessages(first, 1);
    await expect.poll(() => checkpointOf(under.client, first), soon).toBe("3");
    await under.client.deletePersistentSubscriptionToStream(stream, first.name);

    const settings = persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START });
    await under.client.createPersistentSubscriptionToStream(stream, first.name, settings);
    expect((await first.info()).stats).toMatchObject({ parkedMessageCount: 0n });
    const consumer = first.consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2, 3]);
    expect(consumer.deliveries.map(({ retryCount }) => retryCount)).toEqual([0, 0, 0, 0]);
  });

  test("on all streams begins where it is told to, with the filter it has now", async () => {
    const [one, other] = [await streamOf(3), await streamOf(2)];
    const first = await groupOnAll(under.client, checkpointsEachMessage, streamNameFilter({ prefixes: [one] }));
    const before = first.consume(acknowledge);
    await expect.poll(() => before.numbers, soon).toEqual([0, 1, 2]);
    await under.client.deletePersistentSubscriptionToAll(first.name);

    const settings = persistentSubscriptionToAllSettingsFromDefaults({ startFrom: START });
    const filter = streamNameFilter({ prefixes: [other] });
    await under.client.createPersistentSubscriptionToAll(first.name, settings, { filter });
    const after = first.consume(acknowledge);
    await expect.poll(() => after.numbers, soon).toEqual([0, 1]);
  });
});
