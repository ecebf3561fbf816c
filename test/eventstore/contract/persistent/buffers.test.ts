import { END, START, streamNameFilter } from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { numbered, upTo } from "../numbered.ts";
import { freshName, serverUnderTest, soon } from "../serverUnderTest.ts";
import { type Answer, acknowledge } from "./consumer.ts";
import { groupOn, groupOnAll } from "./group.ts";

const under = serverUnderTest();

/** So little that a few hundred events are more than the group can hold, of what is there and of what comes. */
const small = { liveBufferSize: 10, historyBufferSize: 20, readBatchSize: 5 };

const appendUpTo = async (stream: string, count: number): Promise<void> => {
  for (const first of upTo(count / 50)) {
    await under.client.appendToStream(
      stream,
      upTo(50).map((n) => numbered(first * 50 + n)),
    );
  }
};

describe("a group that can hold little", () => {
  test("is given all of a stream that is longer", async () => {
    const stream = freshName();
    await appendUpTo(stream, 500);
    const consumer = (await groupOn(under.client, stream, small)).consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual(upTo(500));
  });

  test.each([START, END] as const)(
    "from the %s loses nothing of what came before anybody joined",
    async (startFrom) => {
      const stream = freshName();
      const group = await groupOn(under.client, stream, { ...small, startFrom });
      await appendUpTo(stream, 300);
      const consumer = group.consume(acknowledge);
      await expect.poll(() => consumer.numbers, soon).toEqual(upTo(300));
    },
  );

  test("loses nothing of what comes faster than its consumer takes it", async () => {
    const stream = freshName();
    const group = await groupOn(under.client, stream, { ...small, startFrom: END });
    const written = appendUpTo(stream, 300);
    const afterWriting: Answer = async (subscription, delivery) => {
      await written;
      await subscription.ack(delivery);
    };
    const consumer = group.consume(afterWriting, { bufferSize: 2 });
    await expect.poll(() => consumer.numbers, soon).toEqual(upTo(300));
    await under.client.appendToStream(stream, numbered(300));
    await expect.poll(() => consumer.numbers.at(-1), soon).toBe(300);
    expect(consumer.numbers).toHaveLength(301);
  });

  test("on all streams loses nothing either, however much of it is not wanted", async () => {
    const wanted = freshName();
    const filter = streamNameFilter({ prefixes: [wanted] });
    const group = await groupOnAll(under.client, { ...small, startFrom: END }, filter);
    for (const first of upTo(4)) {
      await appendUpTo(freshName(), 100);
      await under.client.appendToStream(
        wanted,
        upTo(25).map((n) => numbered(first * 25 + n)),
      );
    }
    const consumer = group.consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual(upTo(100));
  });
});

test("a consumer that stops reading for a while loses nothing, and holds up nobody else", async () => {
  const stream = freshName();
  const group = await groupOn(under.client, stream);
  const consumer = group.consume(acknowledge, { client: under.connect(), bufferSize: 200 });
  await expect.poll(() => consumer.confirmations, soon).toBe(1);
  consumer.subscription.pause();
  const metadata = { padding: "x".repeat(50_000) };
  for (const n of upTo(200)) await under.client.appendToStream(stream, { ...numbered(n), metadata });
  const other = (await groupOn(under.client, stream)).consume(acknowledge);
  await expect.poll(() => other.numbers, soon).toEqual(upTo(200));
  expect(consumer.numbers.length).toBeLessThan(200);
  consumer.subscription.resume();
  await expect.poll(() => consumer.numbers, soon).toEqual(upTo(200));
});
