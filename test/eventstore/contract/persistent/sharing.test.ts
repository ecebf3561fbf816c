import {
  DISPATCH_TO_SINGLE,
  PersistentSubscriptionMaximumSubscribersReachedError,
  PINNED,
  ROUND_ROBIN,
  streamNameFilter,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { numbered, numberedUpTo, upTo } from "../numbered.ts";
import { freshName, serverUnderTest, soon } from "../serverUnderTest.ts";
import { type Answer, acknowledge, type Consumer } from "./consumer.ts";
import { groupOn, groupOnAll, inFlight, members } from "./group.ts";

const under = serverUnderTest();

const deliveredTo = (consumers: readonly Consumer[]) => consumers.flatMap(({ numbers }) => numbers);

const ascending = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);

describe("consumers that take turns", () => {
  test("each get their share, and no event goes to two of them", async () => {
    const stream = freshName();
    const group = await groupOn(under.client, stream, { consumerStrategyName: ROUND_ROBIN });
    const consumers = [group.consume(acknowledge), group.consume(acknowledge)];
    await members(group, 2);
    await under.client.appendToStream(stream, numberedUpTo(10));
    await expect.poll(() => ascending(deliveredTo(consumers)), soon).toEqual(upTo(10));
    expect(consumers.map(({ numbers }) => numbers.length)).toEqual([5, 5]);
  });

  test("go on without the one that has its hands full", async () => {
    const stream = freshName();
    const group = await groupOn(under.client, stream, { consumerStrategyName: ROUND_ROBIN });
    const busy = group.consume(undefined, { bufferSize: 1 });
    const free = group.consume(acknowledge);
    await members(group, 2);
    await under.client.appendToStream(stream, numberedUpTo(10));
    await expect.poll(() => ascending(deliveredTo([busy, free])), soon).toEqual(upTo(10));
    expect(busy.numbers).toHaveLength(1);
  });

  test("lose nothing of a thousand events, whoever comes and goes", async () => {
    const stream = freshName();
    const group = await groupOn(under.client, stream);
    const handled = new Set<bigint>();
    const handle: Answer = async (subscription, delivery) => {
      await subscription.ack(delivery);
      if (delivery.event !== undefined) handled.add(delivery.event.revision);
    };
    const staying = upTo(3).map(() => group.consume(handle, { client: under.connect(), bufferSize: 20 }));
    const leaving = group.consume(undefined, { bufferSize: 20 });
    await members(group, 4);
    for (const first of upTo(10)) {
      await under.client.appendToStream(
        stream,
        upTo(100).map((n) => numbered(first * 100 + n)),
      );
    }
    await expect.poll(() => leaving.deliveries.length, soon).toBe(20);
    await leaving.subscription.unsubscribe();
    await expect.poll(() => handled.size, soon).toBe(1_000);
    await inFlight(group, 0);
    for (const { error, numbers } of staying) {
      expect(error).toBeUndefined();
      expect(numbers.length).toBeGreaterThan(0);
    }
  });
});

describe("consumers of which one is served at a time", () => {
  test("leave the others to what it has no room for", async () => {
    const stream = freshName();
    const group = await groupOn(under.client, stream, { consumerStrategyName: DISPATCH_TO_SINGLE });
    const consumers = [group.consume(undefined, { bufferSize: 5 }), group.consume(undefined, { bufferSize: 5 })];
    await members(group, 2);
    await under.client.appendToStream(stream, numberedUpTo(8));
    await expect.poll(() => ascending(deliveredTo(consumers)), soon).toEqual(upTo(8));
    expect(ascending(consumers.map(({ numbers }) => numbers.length))).toEqual([3, 5]);
  });

  test("leave everything to it while it has room", async () => {
    const stream = freshName();
    const group = await groupOn(under.client, stream, { consumerStrategyName: DISPATCH_TO_SINGLE });
    const consumers = [group.consume(acknowledge), group.consume(acknowledge)];
    await members(group, 2);
    for (const event of numberedUpTo(5)) await under.client.appendToStream(stream, event);
    await expect.poll(() => deliveredTo(consumers).length, soon).toBe(5);
    expect(ascending(consumers.map(({ numbers }) => numbers.length))).toEqual([0, 5]);
  });
});

describe("consumers that streams are pinned to", () => {
  const pinnedGroup = async () => {
    const mark = freshName();
    const settings = { consumerStrategyName: PINNED };
    const group = await groupOnAll(under.client, settings, streamNameFilter({ prefixes: [mark] }));
    return { group, streams: upTo(20).map((n) => `${mark}-${n}`) };
  };

  const streamsOf = ({ deliveries }: Consumer) => new Set(deliveries.map(({ event }) => event?.streamId));

  const appendToEach = async (streams: readonly string[]) => {
    for (const stream of streams) await under.client.appendToStream(stream, numbered(0));
  };

  test("share the streams, and each keeps those it has", async () => {
    const { group, streams } = await pinnedGroup();
    const consumers = [group.consume(acknowledge), group.consume(acknowledge)];
    await members(group, 2);
    for (const _ of upTo(3)) await appendToEach(streams);
    await expect.poll(() => deliveredTo(consumers).length, soon).toBe(60);
    const [ones = new Set(), others = new Set()] = consumers.map(streamsOf);
    expect(ones.isDisjointFrom(others)).toBe(true);
    expect(ones.size).toBeGreaterThan(0);
    expect(others.size).toBeGreaterThan(0);
    expect(ones.union(others)).toEqual(new Set(streams));
  });

  test("give their streams to those who stay when they leave", async () => {
    const { group, streams } = await pinnedGroup();
    const [leaving, staying] = [group.consume(acknowledge), group.consume(acknowledge)];
    await members(group, 2);
    await leaving.subscription.unsubscribe();
    await members(group, 1);
    await appendToEach(streams);
    await expect.poll(() => streamsOf(staying), soon).toEqual(new Set(streams));
  });
});

describe("a group that has as many consumers as it may have", () => {
  test("refuses another one, naming the stream and itself, until one leaves", async () => {
    const stream = freshName();
    const group = await groupOn(under.client, stream, { maxSubscriberCount: 1 });
    const first = group.consume();
    await members(group, 1);
    const refused = group.consume();
    await expect.poll(() => refused.error, soon).toBeInstanceOf(PersistentSubscriptionMaximumSubscribersReachedError);
    expect(refused.error).toMatchObject({ streamName: stream, groupName: group.name });
    expect(refused.confirmations).toBe(0);
    await first.subscription.unsubscribe();
    await members(group, 0);
    const accepted = group.consume();
    await expect.poll(() => accepted.confirmations, soon).toBe(1);
  });
});
