import { randomInt } from "node:crypto";
import { expect, onTestFailed, onTestFinished, test } from "vitest";
import { type EmbeddedEventStore, startEventStore } from "../../../src/embedded/eventStore.ts";
import { type Consumer, startConsumers } from "./crash/consumers.ts";
import { createGate, type Gate } from "./crash/gate.ts";
import { type Round, roundsOf, strike, strikeWhileMaking, strikeWhileStarting } from "./crash/kills.ts";
import { startWatchers, type Watcher } from "./crash/watchers.ts";
import { type Acknowledged, startWriters, type Writers } from "./crash/writers.ts";
import { everythingIn, type Stored } from "./storedEvents.ts";
import { clientOf, directoryOfTest, freshDirectory, portOf, removeDirectory, startedStore } from "./storeUnderTest.ts";

const rounds = Number(process.env["CRASH_ROUNDS"] ?? 10);
const seed = Number(process.env["CRASH_SEED"] ?? randomInt(2 ** 31));
const clientsMax = 4;
const roundTimeoutMs = 30_000;
const soon = { timeout: roundTimeoutMs, interval: 10 };

const say = (text: string) => void process.stdout.write(`${text}\n`);

const counted = { starts: 0, startsKilled: 0, lostAnswers: 0 };

test(
  `killed ${rounds} times under concurrent appends, the store keeps what it acknowledged: once, in place, in order`,
  async () => {
    onTestFailed(() => say(`The rounds of CRASH_SEED=${seed} failed.`));
    const directory = freshDirectory();
    const gate = createGate();
    let store = await startEventStore({ directory });
    onTestFinished(async () => {
      await store.stop();
      removeDirectory(directory);
    });
    const clients = Array.from({ length: clientsMax }, () => clientOf(store));
    const [reader] = clients;
    if (reader === undefined) throw new Error("There is no client.");
    gate.open();
    const writers = startWriters(clients, gate);
    const watchers = startWatchers(clientOf(store), gate);
    const consumers = await startConsumers(clientOf(store), gate);

    let before: readonly Stored[] = [];
    for (const round of roundsOf(seed, rounds)) {
      await expectProgress(writers);
      store = await crashed({ store, directory, gate, round });
      const after = await everythingIn(reader);
      expectSamePrefix(after, before);
      expectEachOnce(after);
      expectGapless(after);
      expectKept(after, writers.acknowledged);
      for (const watcher of watchers) expectSamePrefix(after.filter(watcher.isMeant), watcher.seen);
      for (const consumer of consumers) await expectNothingLost(consumer, after);
      const known = new Set(after.map(({ id }) => id));
      counted.lostAnswers += [...writers.unanswered].filter((id) => known.has(id)).length;
      before = after;
      gate.open();
    }

    await writers.finish();
    for (const consumer of consumers) await expectAllSettled(consumer, await everythingIn(reader));
    const last = await everythingIn(reader);
    expectEachOnce(last);
    expectKept(last, writers.acknowledged);
    await expectAllSeen(watchers, last);
    report(writers, last, consumers);
  },
  60_000 + rounds * roundTimeoutMs,
);

test("killed while it is being made, a store is there as a new one or can be made again", async () => {
  for (const afterMs of [0, 3, 10, 30]) {
    const directory = directoryOfTest();
    const [start] = await Promise.allSettled([startEventStore({ directory }), strikeWhileMaking(directory, afterMs)]);
    if (start.status === "fulfilled") await start.value.stop();
    const store = await startedStore({ directory });
    expect((await everythingIn(clientOf(store))).map(({ stream }) => stream)).toEqual(["$database"]);
  }
});

type Crash = {
  readonly store: EmbeddedEventStore;
  readonly directory: string;
  readonly gate: Gate;
  readonly round: Round;
};

/** Kills the store in the way of the round and gives the one that takes its place. */
async function crashed({ store, directory, gate, round }: Crash): Promise<EmbeddedEventStore> {
  await strike(store.pid, directory, round);
  gate.close();
  await store.stop();
  const port = portOf(store);
  for (const afterMs of round.startsKilledAfterMs) {
    counted.starts += 1;
    const [start] = await Promise.allSettled([
      startEventStore({ directory, port }),
      strikeWhileStarting(directory, afterMs),
    ]);
    if (start.status === "fulfilled") await start.value.stop();
    else counted.startsKilled += 1;
  }
  counted.starts += 1;
  return await startEventStore({ directory, port });
}

async function expectProgress({ acknowledged }: Writers): Promise<void> {
  const before = acknowledged.length;
  await expect.poll(() => acknowledged.length, soon).toBeGreaterThan(before + clientsMax);
}

/** Says which event is the first that differs: a comparison of everything would fill the screen. */
function expectSamePrefix(whole: readonly Stored[], prefix: readonly Stored[]): void {
  const differing = prefix.findIndex((event, index) => !isSame(event, whole[index]));
  expect({ differing, event: whole[differing] }).toEqual({ differing: -1, event: prefix[differing] });
}

const isSame = (one: Stored, other: Stored | undefined): boolean =>
  one.id === other?.id &&
  one.stream === other.stream &&
  one.revision === other.revision &&
  one.position === other.position;

function expectEachOnce(events: readonly Stored[]): void {
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
}

function expectGapless(events: readonly Stored[]): void {
  const next = new Map<string, bigint>();
  const outOfPlace = events.filter(({ stream, revision }) => {
    const expected = next.get(stream) ?? 0n;
    next.set(stream, expected + 1n);
    return revision !== expected;
  });
  expect(outOfPlace).toEqual([]);
}

/** Each acknowledged append is whole and where its answer said. */
function expectKept(events: readonly Stored[], acknowledged: readonly Acknowledged[]): void {
  const stored = new Map(events.map((event) => [event.id, event]));
  const missing = acknowledged.filter(({ stream, ids, lastRevision, lastPosition }) =>
    ids.some((id, index) => {
      const behind = BigInt(ids.length - 1 - index);
      const promised = { id, stream, revision: lastRevision - behind, position: lastPosition - behind };
      return !isSame(promised, stored.get(id));
    }),
  );
  expect(missing).toEqual([]);
}

async function expectAllSeen(watchers: readonly Watcher[], events: readonly Stored[]): Promise<void> {
  for (const watcher of watchers) {
    const meant = events.filter(watcher.isMeant);
    // What groups write of themselves goes on.
    await expect.poll(() => watcher.seen.length, soon).toBeGreaterThanOrEqual(meant.length);
    await watcher.stop();
    expectSamePrefix(watcher.seen, meant);
    expectEachOnce(watcher.seen);
  }
}

/** The group's checkpoint has passed nothing that was not answered, and what it had passed did not come again. */
async function expectNothingLost(consumer: Consumer, events: readonly Stored[]): Promise<void> {
  expect(consumer.repeated).toEqual([]);
  const done = await consumer.doneWith(events);
  expect(done.filter(({ id }) => !consumer.settled.has(id))).toEqual([]);
  expect(await consumer.missingAmongParked(done)).toEqual([]);
}

async function expectAllSettled(consumer: Consumer, events: readonly Stored[]): Promise<void> {
  const meant = events.filter(consumer.isMeant);
  await expect.poll(() => consumer.settled.size, soon).toBe(meant.length);
  await expect.poll(async () => (await consumer.doneWith(events)).length, soon).toBe(meant.length);
  await consumer.stop();
  expect(await consumer.missingAmongParked(meant)).toEqual([]);
}

function report({ acknowledged }: Writers, events: readonly Stored[], consumers: readonly Consumer[]): void {
  const settled = consumers.reduce((sum, consumer) => sum + consumer.settled.size, 0);
  const deliveries = consumers.reduce((sum, consumer) => sum + consumer.deliveries, 0);
  say(
    `Crash rounds: ${rounds} (CRASH_SEED=${seed}). Appends acknowledged: ${acknowledged.length}, of ${events.length} ` +
      `events in all; events written whose answer was lost: ${counted.lostAnswers}; starts: ${counted.starts}, of ` +
      `which killed while they recovered: ${counted.startsKilled}; events settled by groups: ${settled}, delivered ` +
      `${deliveries} times.`,
  );
}
