import { PARK, RETRY, SKIP, STOP, streamNameFilter } from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { numbered, numberIn } from "../numbered.ts";
import { numberedStream } from "../numberedStream.ts";
import { freshName, serverUnderTest, soon } from "../serverUnderTest.ts";
import { type Answer, acknowledge, type Delivery } from "./consumer.ts";
import { groupOn, groupOnAll, inFlight, members, parkedMessages } from "./group.ts";

const under = serverUnderTest();

const streamOf = (count: number): Promise<string> => numberedStream(under.client, count);

const isNumber = (n: number, { event }: Delivery) => numberIn(event) === n;

/** Refuses one number for as long as it comes as what it is, and acknowledges the others. */
const refusing =
  (n: number, action: typeof PARK | typeof RETRY | typeof SKIP | typeof STOP): Answer =>
  (subscription, delivery) =>
    isNumber(n, delivery) ? subscription.nack(action, "To see what happens", delivery) : subscription.ack(delivery);

const retriesOf = (deliveries: readonly Delivery[], n: number) =>
  deliveries.filter((delivery) => isNumber(n, delivery)).map(({ retryCount }) => retryCount);

describe("a message that is refused", () => {
  test("to be retried comes again and counts its retries, until it is parked", async () => {
    const group = await groupOn(under.client, await streamOf(3), { maxRetryCount: 3 });
    const consumer = group.consume(refusing(1, RETRY));
    await parkedMessages(group, 1);
    expect(retriesOf(consumer.deliveries, 1)).toEqual([0, 1, 2, 3]);
    expect(retriesOf(consumer.deliveries, 0)).toEqual([0]);
    expect(retriesOf(consumer.deliveries, 2)).toEqual([0]);
  });

  test("to be retried is parked at once when there is no retry to be had", async () => {
    const group = await groupOn(under.client, await streamOf(2), { maxRetryCount: 0 });
    const consumer = group.consume(refusing(0, RETRY));
    await parkedMessages(group, 1);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1]);
  });

  test("to be retried comes before what is new", async () => {
    const group = await groupOn(under.client, await streamOf(5));
    const answer: Answer = (subscription, delivery) =>
      isNumber(1, delivery) && delivery.retryCount === 0
        ? subscription.nack(RETRY, "Once more", delivery)
        : subscription.ack(delivery);
    const consumer = group.consume(answer, { bufferSize: 1 });
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 1, 2, 3, 4]);
  });

  test("to be retried comes before what is new, however many are refused one after the other", async () => {
    const group = await groupOn(under.client, await streamOf(41));
    const answer: Answer = (subscription, delivery) => {
      const n = numberIn(delivery.event) ?? 0;
      if (n === 40 || delivery.retryCount > 0) return subscription.ack(delivery);
      return subscription.nack(n < 20 ? SKIP : RETRY, "Once more", delivery);
    };
    const { numbers } = group.consume(answer, { bufferSize: 10 });
    await expect.poll(() => numbers, soon).toContain(40);
    expect(numbers.indexOf(40)).toBe(20 + 2 * 20);
  });

  test("to be retried comes in the order of the stream, in whatever order it was refused", async () => {
    const group = await groupOn(under.client, await streamOf(3));
    const consumer = group.consume();
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2]);
    await consumer.subscription.nack(RETRY, "All at once", ...consumer.deliveries.toReversed());
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2, 0, 1, 2]);
  });

  test("to be parked is not delivered again, and lets the next one come", async () => {
    const stream = await streamOf(3);
    const group = await groupOn(under.client, stream);
    const consumer = group.consume(refusing(1, PARK), { bufferSize: 1 });
    await parkedMessages(group, 1);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2]);
  });

  test.each([SKIP, STOP] as const)("with %s is not delivered again, and lets the next one come", async (action) => {
    const stream = await streamOf(3);
    const group = await groupOn(under.client, stream);
    const consumer = group.consume(refusing(1, action), { bufferSize: 1 });
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2]);
    await consumer.subscription.unsubscribe();
    await members(group, 0);
    const next = group.consume(acknowledge);
    await under.client.appendToStream(stream, numbered(3));
    await expect.poll(() => next.numbers.at(-1), soon).toBe(3);
    expect(next.numbers).not.toContain(1);
    expect((await group.info()).stats.parkedMessageCount).toBe(0n);
  });

  test("can be refused together with others", async () => {
    const group = await groupOn(under.client, await streamOf(3));
    const consumer = group.consume();
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2]);
    await consumer.subscription.nack(PARK, "All of them", ...consumer.deliveries);
    await parkedMessages(group, 3);
  });

  test("on all streams is retried and parked in the same way", async () => {
    const filter = streamNameFilter({ prefixes: [await streamOf(2)] });
    const group = await groupOnAll(under.client, { maxRetryCount: 1 }, filter);
    const consumer = group.consume(refusing(0, RETRY));
    await parkedMessages(group, 1);
    expect(retriesOf(consumer.deliveries, 0)).toEqual([0, 1]);
  });
});

describe("a message that nobody answers in time", () => {
  test("comes again, as a repeat", async () => {
    const group = await groupOn(under.client, await streamOf(1), { messageTimeout: 200 });
    const answer: Answer = async (subscription, delivery) => {
      if (delivery.retryCount > 0) await subscription.ack(delivery);
    };
    const consumer = group.consume(answer);
    await expect.poll(() => retriesOf(consumer.deliveries, 0), soon).toEqual([0, 1]);
    await inFlight(group, 0);
  });

  test("is parked when it has been tried often enough", async () => {
    const group = await groupOn(under.client, await streamOf(1), { messageTimeout: 200, maxRetryCount: 1 });
    const consumer = group.consume();
    await parkedMessages(group, 1);
    expect(retriesOf(consumer.deliveries, 0)).toEqual([0, 1]);
  });

  test("goes to another consumer when there is one that has room", async () => {
    const stream = freshName();
    const group = await groupOn(under.client, stream, { messageTimeout: 200 });
    const silent = group.consume(undefined, { bufferSize: 1 });
    await members(group, 1);
    await under.client.appendToStream(stream, numbered(0));
    await expect.poll(() => silent.numbers, soon).toEqual([0]);
    const diligent = group.consume(acknowledge);
    await expect.poll(() => diligent.numbers, soon).toEqual([0]);
  });
});
