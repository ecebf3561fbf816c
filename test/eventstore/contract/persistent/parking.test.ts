import {
  PARK,
  PersistentSubscriptionDoesNotExistError,
  PersistentSubscriptionFailedError,
  type PersistentSubscriptionToStreamInfo,
  RETRY,
  streamNameFilter,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { collected, numbered, upTo } from "../numbered.ts";
import { numberedStream } from "../numberedStream.ts";
import { freshName, serverUnderTest, soon } from "../serverUnderTest.ts";
import { type Answer, acknowledge } from "./consumer.ts";
import { type Group, groupOn, groupOnAll, inFlight, members, parkedMessages } from "./group.ts";

const under = serverUnderTest();

const park: Answer = (subscription, delivery) => subscription.nack(PARK, "Mentioned in the metadata", delivery);

const streamOf = (count: number): Promise<string> => numberedStream(under.client, count);

/** A stream, and a group that has parked all of it and has no consumer any more. */
const allParked = async (
  count: number,
): Promise<{ stream: string; group: Group<PersistentSubscriptionToStreamInfo> }> => {
  const stream = await streamOf(count);
  const group = await groupOn(under.client, stream);
  const consumer = group.consume(park);
  await parkedMessages(group, count);
  await consumer.subscription.unsubscribe();
  await members(group, 0);
  return { stream, group };
};

describe("a parked message", () => {
  test("is a link to the event, in the order of parking", async () => {
    const { stream, group } = await allParked(3);
    const links = await collected(under.client.readStream(group.parkedStream));
    expect(links.map(({ event }) => event?.type)).toEqual(["$>", "$>", "$>"]);
    const resolved = await collected(under.client.readStream(group.parkedStream, { resolveLinkTos: true }));
    expect(resolved.map(({ event }) => event?.streamId)).toEqual([stream, stream, stream]);
    expect(resolved.map(({ event }) => event?.revision)).toEqual([0n, 1n, 2n]);
  });

  test("says when and why it was parked, and which event it was", async () => {
    const { group } = await allParked(2);
    const [, second] = await collected(under.client.readStream(group.parkedStream));
    expect(second?.event?.metadata).toEqual({
      added: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      reason: expect.stringContaining("Mentioned in the metadata"),
      subscriptionEventNumber: 1,
    });
  });

  test("says that it was tried often enough when nobody asked to park it", async () => {
    const group = await groupOn(under.client, await streamOf(1), { maxRetryCount: 1 });
    group.consume((subscription, delivery) => subscription.nack(RETRY, "Again", delivery));
    await parkedMessages(group, 1);
    const [parked] = await collected(under.client.readStream(group.parkedStream));
    expect(parked?.event?.metadata).toMatchObject({ reason: expect.stringContaining("retry count of 1") });
  });

  test("counts for nothing in a group that has parked none", async () => {
    const group = await groupOn(under.client, await streamOf(1));
    const consumer = group.consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([0]);
    expect((await group.info()).stats.parkedMessageCount).toBe(0n);
  });
});

describe("replaying parked messages", () => {
  test("delivers all of them again, as if for the first time", async () => {
    const { stream, group } = await allParked(20);
    const consumer = group.consume(acknowledge);
    await under.client.replayParkedMessagesToStream(stream, group.name);
    await expect.poll(() => consumer.numbers, soon).toEqual(upTo(20));
    expect(new Set(consumer.deliveries.map(({ retryCount }) => retryCount))).toEqual(new Set([0]));
    await parkedMessages(group, 0);
  });

  test("stops where it is told to, and keeps the rest", async () => {
    const { stream, group } = await allParked(20);
    const consumer = group.consume(acknowledge);
    await under.client.replayParkedMessagesToStream(stream, group.name, { stopAt: 4 });
    await parkedMessages(group, 16);
    await expect.poll(() => consumer.numbers.length, soon).toBeGreaterThanOrEqual(4);
    await under.client.appendToStream(stream, numbered(99));
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2, 3, 99]);
  });

  test("goes on after what was replayed before", async () => {
    const { stream, group } = await allParked(6);
    const consumer = group.consume(acknowledge);
    await under.client.replayParkedMessagesToStream(stream, group.name, { stopAt: 4 });
    await parkedMessages(group, 2);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2, 3]);
    await under.client.replayParkedMessagesToStream(stream, group.name);
    await parkedMessages(group, 0);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("lets them be parked again", async () => {
    const { stream, group } = await allParked(3);
    const consumer = group.consume(park);
    await under.client.replayParkedMessagesToStream(stream, group.name);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2]);
    await parkedMessages(group, 3);
    const parked = await collected(under.client.readStream(group.parkedStream, { resolveLinkTos: true }));
    expect(parked.map(({ event }) => event?.streamId)).toEqual([stream, stream, stream]);
  });

  test("delivers each with the link that it was parked as, and knows its acknowledgement", async () => {
    const { stream, group } = await allParked(2);
    const first = group.consume(acknowledge);
    await under.client.replayParkedMessagesToStream(stream, group.name);
    await expect.poll(() => first.numbers, soon).toEqual([0, 1]);
    expect(first.deliveries.map(({ event }) => event?.streamId)).toEqual([stream, stream]);
    expect(first.deliveries.map(({ link }) => link?.streamId)).toEqual([group.parkedStream, group.parkedStream]);
    await inFlight(group, 0);
    await first.subscription.unsubscribe();
    await members(group, 0);
    const second = group.consume(acknowledge);
    await under.client.appendToStream(stream, numbered(2));
    await expect.poll(() => second.numbers, soon).toEqual([2]);
  });

  test("waits for a consumer", async () => {
    const { stream, group } = await allParked(3);
    await under.client.replayParkedMessagesToStream(stream, group.name);
    const consumer = group.consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2]);
  });

  test("of a group that has parked none does nothing", async () => {
    const stream = await streamOf(1);
    const group = await groupOn(under.client, stream);
    await under.client.replayParkedMessagesToStream(stream, group.name);
    const consumer = group.consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([0]);
  });

  test("works on all streams in the same way", async () => {
    const filter = streamNameFilter({ prefixes: [await streamOf(5)] });
    const group = await groupOnAll(under.client, {}, filter);
    const first = group.consume(park);
    await parkedMessages(group, 5);
    await first.subscription.unsubscribe();
    await members(group, 0);
    const consumer = group.consume(acknowledge);
    await under.client.replayParkedMessagesToAll(group.name, { stopAt: 2 });
    await parkedMessages(group, 3);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1]);
    await under.client.replayParkedMessagesToAll(group.name);
    await parkedMessages(group, 0);
    await expect.poll(() => consumer.numbers, soon).toEqual(upTo(5));
  });

  test("up to a negative number is refused with a reason", async () => {
    const streamName = freshName();
    const { name: groupName } = await groupOn(under.client, streamName);
    const refusal = under.client.replayParkedMessagesToStream(streamName, groupName, { stopAt: -1 });
    await expect(refusal).rejects.toBeInstanceOf(PersistentSubscriptionFailedError);
    await expect(refusal).rejects.toMatchObject({ streamName, groupName, reason: expect.stringMatching(/./) });
  });

  test("of a group that does not exist is refused, naming it", async () => {
    const [streamName, groupName] = [freshName(), freshName("group")];
    const onStream = under.client.replayParkedMessagesToStream(streamName, groupName);
    await expect(onStream).rejects.toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
    await expect(onStream).rejects.toMatchObject({ streamName, groupName });
    const onAll = under.client.replayParkedMessagesToAll(groupName);
    await expect(onAll).rejects.toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
    await expect(onAll).rejects.toMatchObject({ streamName: "$all", groupName });
  });
});
