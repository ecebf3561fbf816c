import { randomUUID } from "node:crypto";
import {
  END,
  eventTypeFilter,
  excludeSystemEvents,
  type Filter,
  jsonEvent,
  START,
  streamNameFilter,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { collected, numbered, numberedUpTo } from "../numbered.ts";
import { freshName, isOwnServer, serverUnderTest, soon } from "../serverUnderTest.ts";
import { acknowledge, type Consumer } from "./consumer.ts";
import { groupOnAll, parkedMessages } from "./group.ts";

const under = serverUnderTest();

const typed = (type: string) => jsonEvent({ type, data: {} });

const typesOf = ({ deliveries }: Consumer) => deliveries.map(({ event }) => event?.type);

/** Of a group that was there before the events and of one that came after them. */
const heardEarlyAndLate = async (filter: Filter, write: () => Promise<unknown>): Promise<[Consumer, Consumer]> => {
  const early = (await groupOnAll(under.client, { startFrom: END }, filter)).consume(acknowledge);
  await write();
  const late = (await groupOnAll(under.client, {}, filter)).consume(acknowledge);
  return [early, late];
};

describe("a group on all streams", () => {
  test.each([
    [
      "one of several prefixes of the stream's name",
      (mark: string) => streamNameFilter({ prefixes: ["nobody-", `in-${mark}`] }),
    ],
    ["a regular expression over the stream's name", (mark: string) => streamNameFilter({ regex: `^in-${mark}-\\d$` })],
    [
      "a regular expression that begins anywhere in it",
      (mark: string) => streamNameFilter({ regex: `n-${mark}-[0-5]` }),
    ],
  ])("is given what matches %s", async (_, filter) => {
    const mark = randomUUID();
    const consumers = await heardEarlyAndLate(filter(mark), async () => {
      await under.client.appendToStream(`in-${mark}-1`, numbered(0));
      await under.client.appendToStream(`out-${mark}-1`, numbered(1));
      await under.client.appendToStream(`in-${mark}-2`, numbered(2));
    });
    for (const consumer of consumers) await expect.poll(() => consumer.numbers, soon).toEqual([0, 2]);
  });

  test.each([
    [
      "one of several prefixes of the event's type",
      (mark: string) => eventTypeFilter({ prefixes: ["Nothing", `Paid-${mark}`] }),
    ],
    [
      "a regular expression over the event's type",
      (mark: string) => eventTypeFilter({ regex: `^Paid-${mark}(InFull|InPart)$` }),
    ],
  ])("is given what matches %s", async (_, filter) => {
    const mark = randomUUID();
    const types = [`Paid-${mark}InFull`, `Sent-${mark}`, `Paid-${mark}InPart`];
    const consumers = await heardEarlyAndLate(filter(mark), () =>
      under.client.appendToStream(freshName(), types.map(typed)),
    );
    for (const consumer of consumers) await expect.poll(() => typesOf(consumer), soon).toEqual([types[0], types[2]]);
  });

  test("that excludes system events is given none", async () => {
    const stream = freshName();
    const [early] = await heardEarlyAndLate(excludeSystemEvents(), async () => {
      await under.client.setStreamMetadata(stream, { maxCount: 7 });
      await under.client.appendToStream(stream, numbered(1));
    });
    await expect.poll(() => early.deliveries.map(({ event }) => event?.streamId), soon).toContain(stream);
    expect(typesOf(early).filter((type) => type?.startsWith("$"))).toEqual([]);
  });

  test("without a filter is given system events too", async () => {
    const consumer = (await groupOnAll(under.client, { startFrom: END })).consume(acknowledge);
    await under.client.setStreamMetadata(freshName(), { maxCount: 7 });
    await expect.poll(() => typesOf(consumer), soon).toContain("$metadata");
  });

  test("without a filter hears of its own creation, which comes behind the end it begins at", async () => {
    const consumer = (await groupOnAll(under.client, { startFrom: END })).consume(acknowledge);
    await expect.poll(() => typesOf(consumer), soon).toContain("$PersistentConfig");
  });

  test("with a malformed regular expression is refused", async () => {
    const filter = streamNameFilter({ regex: "(" });
    await expect(groupOnAll(under.client, { startFrom: END }, filter)).rejects.toBeInstanceOf(Error);
    const { success } = await under.client.appendToStream(freshName(), numbered(1));
    expect(success).toBe(true);
  });

  // A server that takes no such care would be stalled for all who use it.
  test.runIf(isOwnServer)("with a regular expression that backtracks without end holds up nobody else", async () => {
    const stream = freshName(`${"a".repeat(60)}!`);
    await under.client.appendToStream(stream, numbered(0));
    for (const regex of ["^(a+)+$", "^(?!z)(a+)+$", "(.*)*(.*)*(.*)*x"]) {
      (await groupOnAll(under.client, {}, streamNameFilter({ regex }))).consume(acknowledge);
    }
    const other = (await groupOnAll(under.client, {}, streamNameFilter({ prefixes: [stream] }))).consume(acknowledge);
    await under.client.appendToStream(stream, numbered(1));
    await expect.poll(() => other.numbers, soon).toEqual([0, 1]);
  });

  test("is given events in the order of the log", async () => {
    const mark = randomUUID();
    const streams = [`${mark}-a`, `${mark}-b`, `${mark}-c`];
    for (const event of numberedUpTo(30)) {
      await under.client.appendToStream(streams[event.data.n % streams.length] ?? mark, event);
    }
    const group = await groupOnAll(under.client, {}, streamNameFilter({ prefixes: [mark] }));
    const consumer = group.consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual(numberedUpTo(30).map(({ data }) => data.n));
  });

  test("keeps its own bookkeeping out of all streams", async () => {
    const stream = freshName();
    const { position = START } = await under.client.appendToStream(stream, numberedUpTo(3));
    const settings = { checkPointLowerBound: 1, checkPointUpperBound: 1 };
    const group = await groupOnAll(under.client, settings, streamNameFilter({ prefixes: [stream] }));
    group.consume((subscription, delivery) => subscription.nack("park", "To see where it goes", delivery));
    await parkedMessages(group, 3);
    const streams = new Set<string | undefined>();
    for (const { event } of await collected(under.client.readAll({ fromPosition: position })))
      streams.add(event?.streamId);
    expect(streams).not.toContain(group.parkedStream);
    expect(streams).not.toContain(group.checkpointStream);
    expect(await collected(under.client.readStream(group.parkedStream))).toHaveLength(3);
  });
});
