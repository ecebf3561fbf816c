import { NO_STREAM, START, StreamDeletedError, streamNameFilter } from "@eventstore/db-client";
import { expect, onTestFinished, test } from "vitest";
import { freshStream, type Numbered, numbered, numbersOf, soon, storeUnderTest } from "./storeUnderTest.ts";

/* What this store promises beyond what its clients may expect of any. */
const under = storeUnderTest();

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

test("appends of one client are written in the order in which it made them", async () => {
  const stream = freshStream();
  // The client's first append is overtaken, for it asks what the server can do.
  await under.client.appendToStream(freshStream(), numbered(0));
  await Promise.all(upTo(200).map((n) => under.client.appendToStream(stream, numbered(n))));
  expect(await numbersOf(under.client.readStream<Numbered>(stream))).toEqual(upTo(200));
});

test("an append that expects the one before need not wait for its answer", async () => {
  const stream = freshStream();
  await under.client.appendToStream(freshStream(), numbered(0));
  const results = await Promise.all(
    upTo(50).map((n) =>
      under.client.appendToStream(stream, numbered(n), { expectedRevision: n === 0 ? NO_STREAM : BigInt(n - 1) }),
    ),
  );
  expect(results.map(({ nextExpectedRevision }) => nextExpectedRevision)).toEqual(upTo(50).map(BigInt));
});

test("a read of all streams ends where they ended when it began", async () => {
  for (const n of upTo(4)) await under.client.appendToStream(freshStream(), numbered(n));
  let seen = 0;
  for await (const _ of under.client.readAll()) {
    seen += 1;
    if (seen < 50) await under.client.appendToStream(freshStream(), numbered(seen));
  }
  let all = 0;
  for await (const _ of under.client.readAll()) all += 1;
  expect(seen).toBeLessThan(all);
});

test("a subscriber is given the tombstone of its stream before it is told that the stream is gone", async () => {
  const stream = freshStream();
  const subscription = under.client.subscribeToStream(stream);
  const heard: string[] = [];
  subscription.on("caughtUp", () => heard.push("caught up"));
  subscription.on("data", ({ event }) => heard.push(event?.type ?? "nothing"));
  subscription.on("error", (error) => heard.push(error instanceof StreamDeletedError ? "gone" : error.message));
  await expect.poll(() => heard, soon).toEqual(["caught up"]);
  await under.client.tombstoneStream(stream);
  await expect.poll(() => heard, soon).toEqual(["caught up", "$streamDeleted", "gone"]);
});

test("a tombstoned stream whose name has no ASCII is named in errors without harm", async () => {
  const stream = freshStream("日本");
  await under.client.tombstoneStream(stream);
  const read = numbersOf(under.client.readStream<Numbered>(stream));
  await expect(read).rejects.toBeInstanceOf(StreamDeletedError);
});

test("a regex that backtracks without end does not hold up anyone else", async () => {
  const stream = freshStream(`${"a".repeat(60)}!`);
  await under.client.appendToStream(stream, numbered(1));
  let settled = 0;
  const hostile = ["^(a+)+$", "^(?!z)(a+)+$", "(a{0,50}){0,50}$", "^(a|aa)+$", "(.*)*(.*)*(.*)*x"];
  for (const regex of hostile) {
    const subscription = under.client.subscribeToAll({ fromPosition: START, filter: streamNameFilter({ regex }) });
    onTestFinished(() => subscription.unsubscribe());
    const settle = () => {
      settled += 1;
    };
    subscription.once("caughtUp", settle);
    subscription.once("error", settle);
    subscription.resume();
  }
  await expect.poll(() => settled, soon).toBe(hostile.length);
  const { success } = await under.client.appendToStream(freshStream(), numbered(1));
  expect(success).toBe(true);
});
