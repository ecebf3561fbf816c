import {
  PersistentSubscriptionDoesNotExistError,
  PersistentSubscriptionDroppedError,
  PersistentSubscriptionFailedError,
  PINNED,
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
import { groupOn, groupOnAll, members } from "./group.ts";

const under = serverUnderTest();

const streamOf = (count: number): Promise<string> => numberedStream(under.client, count);

describe("a group on a stream that is updated", () => {
  test("has the new settings", async () => {
    const stream = freshName();
    const group = await groupOn(under.client, stream);
    const settings = persistentSubscriptionToStreamSettingsFromDefaults({
      startFrom: 7n,
      maxRetryCount: 3,
      messageTimeout: 5_000,
      consumerStrategyName: PINNED,
    });
    await under.client.updatePersistentSubscriptionToStream(stream, group.name, settings);
    expect((await group.info()).settings).toEqual(settings);
  });

  test("begins where it is now told to, as long as it has handled nothing", async () => {
    const stream = await streamOf(5);
    const group = await groupOn(under.client, stream, { startFrom: START });
    const settings = persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: 3n });
    await under.client.updatePersistentSubscriptionToStream(stream, group.name, settings);
    const consumer = group.consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([3, 4]);
  });

  test("drops its consumers, naming the stream and itself, and takes them back", async () => {
    const stream = await streamOf(1);
    const group = await groupOn(under.client, stream);
    const consumers = [group.consume(), group.consume()];
    await members(group, 2);
    const settings = persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START });
    await under.client.updatePersistentSubscriptionToStream(stream, group.name, settings);
    for (const consumer of consumers) {
      await expect.poll(() => consumer.error, soon).toBeInstanceOf(PersistentSubscriptionDroppedError);
      expect(consumer.error).toMatchObject({ streamName: stream, groupName: group.name });
    }
    const again = group.consume(acknowledge);
    await expect.poll(() => again.numbers, soon).toEqual([0]);
  });

  test("is left as it was when the new settings are refused", async () => {
    const stream = await streamOf(1);
    const group = await groupOn(under.client, stream);
    const before = (await group.info()).settings;
    const settings = persistentSubscriptionToStreamSettingsFromDefaults({ readBatchSize: 9, historyBufferSize: 9 });
    const refusal = under.client.updatePersistentSubscriptionToStream(stream, group.name, settings);
    await expect(refusal).rejects.toBeInstanceOf(PersistentSubscriptionFailedError);
    expect((await group.info()).settings).toEqual(before);
  });
});

describe("a group on all streams that is updated", () => {
  test("has the new settings", async () => {
    const group = await groupOnAll(under.client, {}, streamNameFilter({ prefixes: [freshName()] }));
    const settings = persistentSubscriptionToAllSettingsFromDefaults({ maxSubscriberCount: 4, resolveLinkTos: true });
    await under.client.updatePersistentSubscriptionToAll(group.name, settings);
    expect((await group.info()).settings).toEqual(settings);
  });

  test("keeps its filter", async () => {
    const wanted = await streamOf(2);
    await streamOf(3);
    const group = await groupOnAll(under.client, {}, streamNameFilter({ prefixes: [wanted] }));
    const settings = persistentSubscriptionToAllSettingsFromDefaults({ startFrom: START, maxRetryCount: 1 });
    await under.client.updatePersistentSubscriptionToAll(group.name, settings);
    const consumer = group.consume(acknowledge);
    await streamOf(1);
    await under.client.appendToStream(wanted, numberedUpTo(1));
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 0]);
    expect(new Set(consumer.deliveries.map(({ event }) => event?.streamId))).toEqual(new Set([wanted]));
  });

  test("drops its consumers, naming itself", async () => {
    const group = await groupOnAll(under.client, {}, streamNameFilter({ prefixes: [freshName()] }));
    const consumer = group.consume();
    await members(group, 1);
    await under.client.updatePersistentSubscriptionToAll(group.name, persistentSubscriptionToAllSettingsFromDefaults());
    await expect.poll(() => consumer.error, soon).toBeInstanceOf(PersistentSubscriptionDroppedError);
    expect(consumer.error).toMatchObject({ streamName: "$all", groupName: group.name });
  });
});

describe("updating a group that does not exist", () => {
  test("on a stream is refused, naming both", async () => {
    const [streamName, groupName] = [freshName(), freshName("group")];
    const settings = persistentSubscriptionToStreamSettingsFromDefaults();
    const refusal = under.client.updatePersistentSubscriptionToStream(streamName, groupName, settings);
    await expect(refusal).rejects.toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
    await expect(refusal).rejects.toMatchObject({ streamName, groupName });
  });

  test("on all streams is refused, naming it", async () => {
    const groupName = freshName("group");
    const settings = persistentSubscriptionToAllSettingsFromDefaults();
    const refusal = under.client.updatePersistentSubscriptionToAll(groupName, settings);
    await expect(refusal).rejects.toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
    await expect(refusal).rejects.toMatchObject({ streamName: "$all", groupName });
  });
});
