import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type AllStreamSubscription,
  type EventData,
  excludeSystemEvents,
  type Filter,
  type Position,
  streamNameFilter,
} from "@eventstore/db-client";
import { expect, test } from "vitest";
import { heardBy } from "./heard.ts";
import { collected, numbered, numberedUpTo, upTo } from "./numbered.ts";
import { freshName, serverUnderTest, soon } from "./serverUnderTest.ts";

/* How far a filtered subscription has come, which it is told even while nothing passes its filter. */
const under = serverUnderTest();

async function append(stream: string, events: EventData | EventData[]): Promise<Position> {
  const { position } = await under.client.appendToStream(stream, events);
  if (position === undefined) throw new Error("The append gave no position.");
  return position;
}

/** How many events, ours and others', lie behind one position and not behind another. */
const eventsBetween = async (after: Position, upToAndWith: Position): Promise<number> => {
  const events = await collected(under.client.readAll({ fromPosition: after }));
  return events.filter(({ event }) => {
    const commit = event?.position.commit ?? 0n;
    return commit > after.commit && commit <= upToAndWith.commit;
  }).length;
};

const noted = (checkpoints: Position[]) => async (_: AllStreamSubscription, position: Position) => {
  checkpoints.push(position);
};

const commitsOf = (positions: readonly Position[]) => positions.map(({ commit }) => commit);

const isAscending = (commits: readonly bigint[]): boolean =>
  commits.every((commit, n) => n === 0 || commit > (commits[n - 1] ?? commit));

test("a checkpoint comes each time as many events were looked at as was asked for", async () => {
  const stream = freshName();
  const checkpoints: Position[] = [];
  const here = await append(stream, numbered(-1));
  await append(stream, numberedUpTo(8));
  const filter = excludeSystemEvents({ checkpointInterval: 2, checkpointReached: noted(checkpoints) });
  const heard = heardBy(under.client.subscribeToAll({ fromPosition: here, filter }));
  for (const _ of upTo(18)) await append(stream, numberedUpTo(20));
  const end = await append(stream, numberedUpTo(16));
  const ours = () => heard.events.filter(({ event }) => event?.streamId === stream);
  await expect.poll(() => ours().length, soon).toBe(384);

  // Twice the 32 events that are looked at in one go, and one more where the past ends: of 384 events, 6 or 7.
  const due = Math.floor((await eventsBetween(here, end)) / 64);
  await expect.poll(() => checkpoints.length, soon).toBeGreaterThanOrEqual(due);
  expect(checkpoints.filter(({ commit }) => commit <= end.commit).length).toBeLessThanOrEqual(due + 1);
});

test("checkpoints come as often as the window that is looked at says", async () => {
  const checkpoints: Position[] = [];
  const here = await append(freshName(), numbered(-1));
  const filter = streamNameFilter({
    prefixes: [freshName("nobody")],
    maxSearchWindow: 10,
    checkpointInterval: 3,
    checkpointReached: noted(checkpoints),
  });
  const heard = heardBy(under.client.subscribeToAll({ fromPosition: here, filter }));
  await expect.poll(() => heard.caughtUp, soon).toBe(1);
  const stream = freshName();
  for (const _ of upTo(9)) await append(stream, numberedUpTo(10));
  const end = await append(stream, numberedUpTo(10));
  const due = Math.floor((await eventsBetween(here, end)) / 30);
  await expect.poll(() => checkpoints.length, soon).toBeGreaterThanOrEqual(due);
  expect(checkpoints.filter(({ commit }) => commit <= end.commit).length).toBeLessThanOrEqual(due + 1);
});

test("checkpoints grow, and stand between what was given before and after them", async () => {
  const stream = freshName();
  const here = await append(stream, numberedUpTo(300));
  const said: { kind: "event" | "checkpoint"; commit: bigint }[] = [];
  const filter = streamNameFilter({
    prefixes: [stream],
    checkpointReached: async (_, { commit }) => {
      said.push({ kind: "checkpoint", commit });
    },
  });
  const subscription = under.client.subscribeToAll({ fromPosition: here, filter });
  const heard = heardBy(subscription);
  subscription.on("data", ({ event }) => said.push({ kind: "event", commit: event?.position.commit ?? -1n }));
  for (const n of upTo(10)) {
    await append(stream, numbered(n));
    await append(freshName(), numberedUpTo(40));
  }
  await expect.poll(() => heard.numbers, soon).toEqual(upTo(10));
  await expect.poll(() => said.filter(({ kind }) => kind === "checkpoint").length, soon).toBeGreaterThan(5);
  expect(isAscending(said.filter(({ kind }) => kind === "checkpoint").map(({ commit }) => commit))).toBe(true);
  // What was given before a checkpoint lies at it or before, what comes after it lies behind it.
  const commits = said.map(({ commit }) => commit);
  expect(commits).toEqual(commits.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
});

test("checkpoints are told of what lies in the past", async () => {
  const checkpoints: Position[] = [];
  const here = await append(freshName(), numbered(0));
  // A multiple of what is looked at in one go: the last of it is told once, though the past ends there as well.
  const last = await append(freshName(), numberedUpTo(512));
  const filter = streamNameFilter({ prefixes: [freshName("nobody")], checkpointReached: noted(checkpoints) });
  const heard = heardBy(under.client.subscribeToAll({ fromPosition: here, filter }));
  await expect.poll(() => heard.caughtUp, soon).toBe(1);
  expect(checkpoints.length).toBeGreaterThanOrEqual(1);
  expect(isAscending(commitsOf(checkpoints))).toBe(true);
  expect(commitsOf(checkpoints).every((commit) => commit >= here.commit)).toBe(true);
  expect(commitsOf(checkpoints)[0]).toBeLessThanOrEqual(last.commit);
});

test("a subscription that is resumed from any checkpoint neither repeats nor leaves out an event", async () => {
  const stream = freshName();
  const checkpoints: Position[] = [];
  const filter: Filter = streamNameFilter({ prefixes: [stream], checkpointReached: noted(checkpoints) });
  const here = await append(freshName(), numbered(-1));
  const heard = heardBy(under.client.subscribeToAll({ fromPosition: here, filter }));
  for (const n of upTo(12)) {
    await append(freshName(), numberedUpTo(10));
    await append(stream, numbered(n));
  }
  await expect.poll(() => heard.numbers, soon).toEqual(upTo(12));
  await expect.poll(() => checkpoints.length, soon).toBeGreaterThan(2);
  for (const checkpoint of [...checkpoints]) {
    const passed = heard.events.filter(({ event }) => (event?.position?.commit ?? 0n) <= checkpoint.commit).length;
    const resumed = heardBy(under.client.subscribeToAll({ fromPosition: checkpoint, filter }));
    await expect.poll(() => resumed.caughtUp, soon).toBeGreaterThan(0);
    expect(resumed.numbers).toEqual(upTo(12).slice(passed));
  }
});

test("what comes after a checkpoint waits until the subscriber is done with it", async () => {
  const stream = freshName();
  let busy = 0;
  let done = 0;
  const givenWhileBusy: unknown[] = [];
  const here = await append(freshName(), numbered(-1));
  const filter = streamNameFilter({
    prefixes: [stream],
    checkpointReached: async () => {
      busy += 1;
      for (const _ of upTo(20)) await nextTurn();
      busy -= 1;
      done += 1;
    },
  });
  const subscription = under.client.subscribeToAll({ fromPosition: here, filter });
  const heard = heardBy(subscription);
  subscription.on("data", (event) => {
    if (busy > 0) givenWhileBusy.push(event);
  });
  for (const _ of upTo(10)) await append(stream, numberedUpTo(20));
  await expect.poll(() => heard.events.length, soon).toBe(200);
  await expect.poll(() => done, soon).toBeGreaterThan(2);
  expect(givenWhileBusy).toEqual([]);
});
