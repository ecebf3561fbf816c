import { pipeline } from "node:stream/promises";
import {
  binaryEvent,
  PersistentSubscriptionDoesNotExistError,
  type PersistentSubscriptionToStreamResolvedEvent,
  streamNameFilter,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { numbered, numberedUpTo, numberIn, upTo } from "../numbered.ts";
import { numberedStream } from "../numberedStream.ts";
import { freshName, serverUnderTest, soon } from "../serverUnderTest.ts";
import { acknowledge, consumerOf, type Delivery, leaveUnanswered } from "./consumer.ts";
import { groupOn, groupOnAll, inFlight, members } from "./group.ts";

const under = serverUnderTest();

const streamOf = (count: number): Promise<string> => numberedStream(under.client, count);

describe("joining a group", () => {
  test("is confirmed once, with the name of the stream and of the group", async () => {
    const stream = await streamOf(3);
    const group = await groupOn(under.client, stream);
    const consumer = group.consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2]);
    expect(consumer.confirmations).toBe(1);
    expect(consumer.subscription.id).toBe(`${stream}::${group.name}`);
  });

  test("on all streams is confirmed once as well", async () => {
    const group = await groupOnAll(under.client, {}, streamNameFilter({ prefixes: [await streamOf(2)] }));
    const consumer = group.consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1]);
    expect(consumer.confirmations).toBe(1);
    expect(consumer.subscription.id).toBe(`$all::${group.name}`);
  });

  test("that does not exist on the stream is refused without a confirmation, naming both", async () => {
    const [streamName, groupName] = [await streamOf(1), freshName("group")];
    const subscription = under.client.subscribeToPersistentSubscriptionToStream(streamName, groupName);
    const consumer = consumerOf(subscription, leaveUnanswered);
    await expect.poll(() => consumer.error, soon).toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
    expect(consumer.error).toMatchObject({ streamName, groupName });
    expect(consumer.confirmations).toBe(0);
  });

  test("that does not exist on all streams is refused without a confirmation, naming it", async () => {
    const groupName = freshName("group");
    const subscription = under.client.subscribeToPersistentSubscriptionToAll(groupName);
    const consumer = consumerOf(subscription, leaveUnanswered);
    await expect.poll(() => consumer.error, soon).toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
    expect(consumer.error).toMatchObject({ streamName: "$all", groupName });
    expect(consumer.confirmations).toBe(0);
  });
});

const deliveriesOfAnother = async (): Promise<readonly Delivery[]> => {
  const consumer = (await groupOn(under.client, await streamOf(1))).consume();
  await expect.poll(() => consumer.deliveries.length, soon).toBe(1);
  return consumer.deliveries;
};

describe("a message", () => {
  test("is the event as it was written, with its position, on its first delivery", async () => {
    const stream = freshName();
    const event = { ...numbered(7), metadata: { by: "Ada" } };
    const { position } = await under.client.appendToStream(stream, event);
    const consumer = (await groupOn(under.client, stream)).consume();
    await expect.poll(() => consumer.deliveries.length, soon).toBe(1);
    const [delivery] = consumer.deliveries;
    expect(delivery).toMatchObject({ retryCount: 0, commitPosition: position?.commit });
    expect(delivery?.link).toBeUndefined();
    expect(delivery?.event).toMatchObject({
      id: event.id,
      type: "Numbered",
      streamId: stream,
      revision: 0n,
      isJson: true,
      data: { n: 7 },
      metadata: { by: "Ada" },
      position,
    });
  });

  test("may be of bytes", async () => {
    const stream = freshName();
    const data = Buffer.from([0, 1, 254, 255]);
    await under.client.appendToStream(stream, binaryEvent({ type: "Scanned", data }));
    const consumer = (await groupOn(under.client, stream)).consume();
    await expect.poll(() => consumer.deliveries.length, soon).toBe(1);
    const { event } = consumer.deliveries[0] ?? {};
    expect(event?.isJson === false && Buffer.from(event.data)).toEqual(data);
  });

  test("comes only while fewer are in flight than the consumer asked for", async () => {
    const stream = await streamOf(5);
    const group = await groupOn(under.client, stream);
    const consumer = group.consume(undefined, { bufferSize: 2 });
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1]);
    const [connection] = (await group.info()).connections;
    expect(connection).toMatchObject({ inFlightMessages: 2, availableSlots: 0 });
    for (const [index, expected] of [
      [0, 1, 2],
      [0, 1, 2, 3],
    ].entries()) {
      const delivery = consumer.deliveries[index];
      if (delivery !== undefined) await consumer.subscription.ack(delivery);
      await expect.poll(() => consumer.numbers, soon).toEqual(expected);
    }
  });

  test("is ten in flight at most when the consumer does not say", async () => {
    const group = await groupOn(under.client, await streamOf(15));
    const consumer = group.consume();
    await expect.poll(() => consumer.numbers, soon).toEqual(upTo(10));
    expect((await group.info()).connections[0]).toMatchObject({ inFlightMessages: 10, availableSlots: 0 });
    expect(consumer.numbers).toEqual(upTo(10));
  });

  test("can be acknowledged together with others", async () => {
    const group = await groupOn(under.client, await streamOf(6));
    const consumer = group.consume(undefined, { bufferSize: 3 });
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2]);
    await consumer.subscription.ack(...consumer.deliveries);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("can be acknowledged out of order", async () => {
    const group = await groupOn(under.client, await streamOf(4));
    const consumer = group.consume(undefined, { bufferSize: 3 });
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2]);
    await consumer.subscription.ack(...consumer.deliveries.slice(2));
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2, 3]);
  });

  test("that nobody was given may be acknowledged without harm", async () => {
    const group = await groupOn(under.client, await streamOf(2));
    const strangers = await deliveriesOfAnother();
    const consumer = group.consume((subscription, delivery) => subscription.ack(...strangers, delivery));
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1]);
    await inFlight(group, 0);
    expect(consumer.error).toBeUndefined();
  });

  test("that was not acknowledged goes to the next one when its consumer leaves, as a repeat", async () => {
    const group = await groupOn(under.client, await streamOf(4));
    const first = group.consume(undefined, { bufferSize: 3 });
    await expect.poll(() => first.numbers, soon).toEqual([0, 1, 2]);
    await first.subscription.ack(...first.deliveries.slice(0, 1));
    await expect.poll(() => first.numbers, soon).toEqual([0, 1, 2, 3]);
    await first.subscription.unsubscribe();
    await members(group, 0);
    const second = group.consume(acknowledge);
    await expect.poll(() => second.numbers, soon).toEqual([1, 2, 3]);
    expect(second.deliveries.map(({ retryCount }) => retryCount)).toEqual([1, 1, 1]);
  });
});

describe("a consumer", () => {
  test("can be read by iterating", async () => {
    const stream = await streamOf(20);
    const group = await groupOn(under.client, stream);
    const subscription = under.client.subscribeToPersistentSubscriptionToStream(stream, group.name);
    const numbers: (number | undefined)[] = [];
    for await (const delivery of subscription) {
      numbers.push(numberIn(delivery.event));
      await subscription.ack(delivery);
      if (numbers.length === 20) break;
    }
    expect(numbers).toEqual(upTo(20));
  });

  test("of all streams can be read by iterating", async () => {
    const group = await groupOnAll(under.client, {}, streamNameFilter({ prefixes: [await streamOf(20)] }));
    const subscription = under.client.subscribeToPersistentSubscriptionToAll(group.name);
    const numbers: (number | undefined)[] = [];
    for await (const delivery of subscription) {
      numbers.push(numberIn(delivery.event));
      await subscription.ack(delivery);
      if (numbers.length === 20) break;
    }
    expect(numbers).toEqual(upTo(20));
  });

  test("can be piped", async () => {
    const stream = await streamOf(12);
    const group = await groupOn(under.client, stream);
    const subscription = under.client.subscribeToPersistentSubscriptionToStream(stream, group.name);
    const numbers: (number | undefined)[] = [];
    await pipeline(subscription, async (deliveries: AsyncIterable<PersistentSubscriptionToStreamResolvedEvent>) => {
      for await (const delivery of deliveries) {
        numbers.push(numberIn(delivery.event));
        await subscription.ack(delivery);
        if (numbers.length === 12) await subscription.unsubscribe();
      }
    });
    expect(numbers).toEqual(upTo(12));
  });

  test("that leaves ends without an error and is no longer a member", async () => {
    const group = await groupOn(under.client, await streamOf(1));
    const consumer = group.consume(acknowledge);
    await members(group, 1);
    await consumer.subscription.unsubscribe();
    await expect.poll(() => consumer.hasEnded, soon).toBe(true);
    await members(group, 0);
    expect(consumer.error).toBeUndefined();
  });

  test("that leaves is given nothing more", async () => {
    const stream = await streamOf(1);
    const group = await groupOn(under.client, stream);
    const [leaving, staying] = [group.consume(acknowledge), group.consume(acknowledge)];
    await members(group, 2);
    await leaving.subscription.unsubscribe();
    await members(group, 1);
    const before = leaving.deliveries.length;
    await under.client.appendToStream(stream, numberedUpTo(10));
    await expect.poll(() => staying.deliveries.length, soon).toBeGreaterThanOrEqual(10);
    expect(leaving.deliveries.length).toBe(before);
  });

  test("is no longer a member when its client is let go of", async () => {
    const group = await groupOn(under.client, await streamOf(1));
    const own = under.connect();
    group.consume(acknowledge, { client: own });
    await members(group, 1);
    await own.dispose();
    await members(group, 0);
  });

  test("may be a member of several groups, each with the whole stream", async () => {
    const stream = await streamOf(5);
    const groups = await Promise.all([groupOn(under.client, stream), groupOn(under.client, stream)]);
    for (const consumer of groups.map((group) => group.consume(acknowledge))) {
      await expect.poll(() => consumer.numbers, soon).toEqual(upTo(5));
    }
  });

  test("goes on when the stream is deleted and written again", async () => {
    const stream = await streamOf(2);
    const consumer = (await groupOn(under.client, stream)).consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1]);
    await under.client.deleteStream(stream);
    await under.client.appendToStream(stream, numbered(2));
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2]);
    expect(consumer.error).toBeUndefined();
  });
});
