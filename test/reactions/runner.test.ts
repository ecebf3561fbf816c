import { randomUUID } from "node:crypto";
import { EventStoreDBClient, persistentSubscriptionToAllSettingsFromDefaults, START } from "@eventstore/db-client";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import type { Groups } from "../../src/eventstore/persistentSubscription.ts";
import { noStream } from "../../src/eventstore/store.ts";
import { createLog } from "../../src/platform/log.ts";
import { Unavailable } from "../../src/platform/unavailable.ts";
import type { Reaction } from "../../src/reactions/reaction.ts";
import { type ReactionRunner, runReactions } from "../../src/reactions/runner.ts";
import { codec, filled, labelled, opened } from "../projections/jars.ts";
import { type ReadSide, startReadSide, until } from "../projections/readSide.ts";
import { systemMetadata } from "../support/metadata.ts";
import { onLabels } from "./labels.ts";

const stack = new AsyncDisposableStack();
let side: ReadSide;
/** To look at them from outside. */
let groups: Groups;
beforeAll(async () => {
  side = stack.use(await startReadSide());
  groups = connected();
});
afterAll(() => stack.disposeAsync());

const connected = (): Groups => {
  const store = eventStoreDb({ url: side.eventStore.url });
  stack.defer(() => store.close());
  return store.groups;
};

const runners: ReactionRunner[] = [];
/** As a process of its own would: over a connection of its own. */
const run = (reactions: readonly Reaction[], lines: string[] = []): ReactionRunner => {
  const log = createLog("error", { write: (line) => void lines.push(line) });
  const runner = runReactions({ groups: connected(), codec, reactions, log, attemptsMax: 4 });
  runners.push(runner);
  return runner;
};
const stop = () => Promise.all(runners.splice(0).map((runner) => runner.stop()));
afterEach(stop);

/** Reactions of one test do not meet those of another. */
const newName = () => `test_${randomUUID()}`;
/** Notes the labels of these jars. */
const noting = (jarIds: readonly string[], name = newName()) => {
  const noted: string[] = [];
  return { name, noted, labelling: onLabels(name, jarIds, async (label) => void noted.push(label)) };
};
const standing = async (name: string) => (await groups.list()).find((group) => group.name === name);
const labelsUpTo = (count: number) => Array.from({ length: count }, (_, index) => `label ${index}`);

test("an effect is had for each event it is for, of before the first start and of after", async () => {
  const jarId = randomUUID();
  const { noted, labelling } = noting([jarId]);
  await side.happen(jarId, opened(), labelled("one"));
  run([labelling]);
  await side.happen(jarId, filled(1), labelled("two"));
  await until(() => noted.length === 2);
  expect(noted.toSorted()).toEqual(["one", "two"]);
});

test("an event of the same type in a stream that is none of ours has no effect", async () => {
  const jarId = randomUUID();
  const { name, noted, labelling } = noting([jarId]);
  const foreign = { id: randomUUID(), ...labelled("not ours"), metadata: systemMetadata() };
  await side.store.append(`vase-${jarId}`, [{ ...foreign, data: { jarId, label: "not ours" } }], noStream);
  await side.happen(jarId, opened(), labelled("ours"));
  run([labelling]);
  await until(async () => noted.length === 1 && (await standing(name))?.inHand === 0);
  expect(noted).toEqual(["ours"]);
});

test("a runner goes on where the last one stopped", async () => {
  const jarId = randomUUID();
  const { noted, labelling } = noting([jarId]);
  await side.happen(jarId, opened(), labelled("one"));
  run([labelling]);
  await until(() => noted.length === 1);
  await stop();
  await side.happen(jarId, labelled("two"));
  run([labelling]);
  await until(() => noted.length === 2);
  expect(noted).toEqual(["one", "two"]);
});

test("an effect that fails is tried again, and had", async () => {
  const jarId = randomUUID();
  let tried = 0;
  const stumbling = onLabels(newName(), [jarId], async () => {
    tried += 1;
    if (tried < 3) throw new Error("not yet");
  });
  const runner = run([stumbling]);
  await side.happen(jarId, opened(), labelled("one"));
  await until(() => tried === 3 && runner.status().waiting === 0);
  expect(runner.status()).toMatchObject({ isRunning: true, problem: null, parked: 0 });
});

test("what is unavailable is waited for as long as it takes, and holds up no other event", async () => {
  const jarId = randomUUID();
  const name = newName();
  const had: string[] = [];
  let tried = 0;
  const patient = onLabels(name, [jarId], async (label) => {
    if (label === "patient") tried += 1;
    if (label === "patient" && tried <= 6) throw new Unavailable("away");
    had.push(label);
  });
  const runner = run([patient]);
  await side.happen(jarId, opened(), labelled("patient"), labelled("at once"));
  await until(() => tried > 4);
  expect(had).toEqual(["at once"]);
  expect(runner.status()).toMatchObject({ waiting: 1, parked: 0 });
  await until(() => had.length === 2);
  await until(async () => (await standing(name))?.inHand === 0);
  expect(await standing(name)).toMatchObject({ parked: 0 });
});

test("ES-08: a poison event is parked and told, everything else goes on, and it can be handed out again", async () => {
  const [bad, good] = [randomUUID(), randomUUID()];
  const name = newName();
  const lines: string[] = [];
  const had: string[] = [];
  let isMended = false;
  const fragile = onLabels(name, [bad, good], async (label) => {
    if (label === "poison" && !isMended) throw new TypeError("cannot stand Ada");
    had.push(label);
  });
  await side.happen(bad, opened(), labelled("poison"), labelled("behind it"));
  await side.happen(good, opened(), labelled("elsewhere"));
  const runner = run([fragile], lines);
  await until(async () => (await standing(name))?.parked === 1);
  expect(had.toSorted()).toEqual(["behind it", "elsewhere"]);
  expect(runner.status()).toMatchObject({ isRunning: true, parked: 1 });
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: "error", reaction: name, stream: `jar-${bad}`, error: { message: "cannot stand Ada" } },
  ]);
  const reasons = await Array.fromAsync(side.store.read(`$persistentsubscription-$all::everfold-${name}-parked`));
  expect(JSON.stringify(reasons.map(({ metadata }) => metadata))).toMatch(/TypeError/);
  expect(JSON.stringify(reasons.map(({ metadata }) => metadata))).not.toMatch(/Ada/);

  isMended = true;
  await groups.replay(name);
  await until(() => had.includes("poison"));
  await until(async () => (await standing(name))?.inHand === 0);
  expect(had.toSorted()).toEqual(["behind it", "elsewhere", "poison"]);
  expect(await standing(name)).toMatchObject({ parked: 0 });
});

test("a reaction that is restarted begins with the first event again, also while it runs", async () => {
  const jarId = randomUUID();
  const { name, noted, labelling } = noting([jarId]);
  run([labelling]);
  await side.happen(jarId, opened(), labelled("one"));
  await until(() => noted.length === 1);
  await groups.restart(name);
  await until(() => noted.length === 2);
  await side.happen(jarId, labelled("two"));
  await until(() => noted.length === 3);
  expect(noted).toEqual(["one", "one", "two"]);
});

test("a group that is not there is neither replayed nor restarted", async () => {
  await expect(groups.replay("nobody")).rejects.toThrow("there is no group nobody");
  await expect(groups.restart("nobody")).rejects.toThrow("there is no group nobody");
});

test("several processes share the events, and each event is had by one of them", async () => {
  const jarIds = Array.from({ length: 20 }, () => randomUUID());
  const name = newName();
  const members = [noting(jarIds, name), noting(jarIds, name), noting(jarIds, name)];
  for (const { labelling } of members) run([labelling]);
  await until(async () => (await standing(name))?.members === members.length);
  const labels = labelsUpTo(300);
  await Promise.all(
    jarIds.map((jarId, index) =>
      side.happen(jarId, opened(), ...labels.slice(index * 15, (index + 1) * 15).map(labelled)),
    ),
  );
  await until(() => members.reduce((sum, { noted }) => sum + noted.length, 0) >= labels.length);
  expect(members.flatMap(({ noted }) => noted).toSorted()).toEqual(labels.toSorted());
  for (const { noted } of members) expect(noted.length).toBeGreaterThan(0);
});

test("processes that come and go in good order have nothing twice", async () => {
  const jarIds = Array.from({ length: 5 }, () => randomUUID());
  const { noted, labelling } = noting(jarIds);
  const labels = labelsUpTo(100);
  const writing = Promise.all(
    jarIds.map(async (jarId, index) => {
      await side.happen(jarId, opened());
      for (const label of labels.slice(index * 20, (index + 1) * 20)) await side.happen(jarId, labelled(label));
    }),
  );
  while (noted.length < labels.length) {
    const before = noted.length;
    run([labelling]);
    await until(() => noted.length >= Math.min(before + 10, labels.length));
    await stop();
  }
  await writing;
  expect(noted.toSorted()).toEqual(labels.toSorted());
});

test("stop waits for the effect in hand, which is not had again, and leaves the group", async () => {
  const jarId = randomUUID();
  const name = newName();
  const effect = Promise.withResolvers<void>();
  let begun = 0;
  const slow = onLabels(name, [jarId], () => {
    begun += 1;
    return effect.promise;
  });
  const runner = run([slow]);
  await side.happen(jarId, opened(), labelled("one"));
  await until(async () => begun === 1 && (await standing(name))?.inHand === 1);
  let isStopped = false;
  const stopped = runner.stop().then(() => {
    isStopped = true;
  });
  // By the time the store has answered, a runner that did not wait would have stopped.
  const meanwhile = { ...(await standing(name)), isStopped };
  effect.resolve();
  await stopped;
  expect(meanwhile).toMatchObject({ members: 1, inHand: 1, isStopped: false });
  await until(async () => (await standing(name))?.members === 0);
  expect(await standing(name)).toMatchObject({ inHand: 0 });

  run([slow]);
  await side.happen(jarId, labelled("two"));
  await until(() => begun === 2);
});

test("what a stopped process was waiting for is had by another one", async () => {
  const jarId = randomUUID();
  const name = newName();
  const waiting = onLabels(name, [jarId], () => Promise.reject(new Unavailable("away")));
  const runner = run([waiting]);
  await side.happen(jarId, opened(), labelled("one"));
  await until(() => runner.status().waiting === 1);
  const { noted, labelling } = noting([jarId], name);
  run([labelling]);
  await until(async () => (await standing(name))?.members === 2);
  expect(noted).toEqual([]);
  await runner.stop();
  await until(() => noted.length === 1);
});

test("what takes longer than the store waits for it comes again, and one process does not begin it twice", async () => {
  const jarId = randomUUID();
  const name = newName();
  const effect = Promise.withResolvers<void>();
  let begun = 0;
  const slow = onLabels(name, [jarId], () => {
    begun += 1;
    return effect.promise;
  });
  const runner = run([slow]);
  await until(() => runner.status().isRunning);
  const client = EventStoreDBClient.connectionString(side.eventStore.url);
  stack.defer(() => client.dispose());
  const impatient = persistentSubscriptionToAllSettingsFromDefaults({ startFrom: START, messageTimeout: 100 });
  await client.updatePersistentSubscriptionToAll(`everfold-${name}`, impatient);
  const deliveries = async () => {
    const { stats } = await client.getPersistentSubscriptionToAllInfo(`everfold-${name}`);
    return stats.totalItems;
  };
  await side.happen(jarId, opened(), labelled("slow"));
  await until(() => begun === 1);
  // Whatever else there was has been handed out before.
  const before = await deliveries();
  await until(async () => (await deliveries()) >= before + 2n);
  effect.resolve();
  await until(async () => (await standing(name))?.inHand === 0);
  expect(begun).toBe(1);
});
