import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Unavailable } from "../../src/platform/unavailable.ts";
import { type Reaction, reaction } from "../../src/reactions/reaction.ts";
import { type ReactionRunner, runReactions } from "../../src/reactions/runner.ts";
import { codec, filled, jar, labelled, log, opened } from "../projections/jars.ts";
import { type ReadSide, startReadSide, until } from "../projections/readSide.ts";

let side: ReadSide;
beforeAll(async () => {
  side = await startReadSide();
});
afterAll(() => side[Symbol.asyncDispose]());

const runners: ReactionRunner[] = [];
const run = (...reactions: readonly Reaction[]): ReactionRunner => {
  const runner = runReactions({ store: side.store, pool: side.pool, codec, reactions, log, attemptsMax: 4 });
  runners.push(runner);
  return runner;
};
const stop = () => Promise.all(runners.splice(0).map((runner) => runner.stop()));
afterEach(stop);

/** Reactions of one test do not meet those of another. */
const newName = () => `test ${randomUUID()}`;
/** Notes the labels of one jar. */
const noting = (jarId: string, name = newName()) => {
  const noted: string[] = [];
  const note = async (label: string) => void noted.push(label);
  const labelling = reaction({
    name,
    of: [jar],
    when: { JarLabelled: (data) => (data.jarId === jarId ? note(data.label) : Promise.resolve()) },
  });
  return { noted, labelling };
};
const parked = async (name: string): Promise<string[]> => {
  const { rows } = await side.pool.query(
    `select type from runtime.parked_events where projection = 'reaction:${name}' order by position`,
  );
  return rows.map(({ type }) => type);
};

test("an effect is had for each event it is for, in order", async () => {
  const jarId = randomUUID();
  const { noted, labelling } = noting(jarId);
  await side.happen(jarId, opened(), labelled("one"));
  run(labelling);
  await side.happen(jarId, filled(1), labelled("two"));
  await until(() => noted.length === 2);
  expect(noted).toEqual(["one", "two"]);
});

test("a runner goes on where the last one stopped", async () => {
  const jarId = randomUUID();
  const { noted, labelling } = noting(jarId);
  await side.happen(jarId, opened(), labelled("one"));
  run(labelling);
  await until(() => noted.length === 1);
  await stop();
  await side.happen(jarId, labelled("two"));
  run(labelling);
  await until(() => noted.length === 2);
  expect(noted).toEqual(["one", "two"]);
});

test("an effect that fails is tried again before anything later", async () => {
  const jarId = randomUUID();
  const tried: string[] = [];
  const stumbling = reaction({
    name: newName(),
    of: [jar],
    when: {
      JarLabelled: async (data) => {
        if (data.jarId !== jarId) return;
        tried.push(data.label);
        if (tried.length < 3) throw new Error("not yet");
      },
    },
  });
  run(stumbling);
  await side.happen(jarId, opened(), labelled("one"), labelled("two"));
  await until(() => tried.length === 4);
  expect(tried).toEqual(["one", "one", "one", "two"]);
});

test("what is unavailable is waited for as long as it takes", async () => {
  const jarId = randomUUID();
  let tried = 0;
  const name = newName();
  const patient = reaction({
    name,
    of: [jar],
    when: {
      JarLabelled: async (data) => {
        if (data.jarId !== jarId) return;
        tried += 1;
        if (tried <= 20) throw new Unavailable("away");
      },
    },
  });
  run(patient);
  await side.happen(jarId, opened(), labelled("one"));
  await until(() => tried === 21);
  expect(await parked(name)).toEqual([]);
});

test("ES-08: a poison event is parked with its stream's later ones, and the next runner tries again", async () => {
  const [bad, good] = [randomUUID(), randomUUID()];
  const name = newName();
  let isMended = false;
  const had: string[] = [];
  const fragile = reaction({
    name,
    of: [jar],
    when: {
      JarLabelled: async (data) => {
        if (data.label === "poison" && !isMended) throw new Error("cannot stand it");
        if (data.jarId === bad || data.jarId === good) had.push(data.label);
      },
    },
  });
  await side.happen(bad, opened(), labelled("poison"), labelled("behind it"));
  await side.happen(good, opened(), labelled("elsewhere"));
  const runner = run(fragile);
  await until(() => had.length === 1);
  expect(had).toEqual(["elsewhere"]);
  expect(await parked(name)).toEqual(["JarLabelled", "JarLabelled"]);
  expect(runner.status().poisoned).toBe(1);

  await stop();
  isMended = true;
  run(fragile);
  await until(() => had.length === 3);
  expect(had).toEqual(["elsewhere", "poison", "behind it"]);
  await until(async () => (await parked(name)).length === 0);
});

test("one process has the effects, and another takes over when it ends", async () => {
  const jarId = randomUUID();
  const name = newName();
  const first = noting(jarId, name);
  const second = noting(jarId, name);
  const runner = run(first.labelling);
  await until(() => runner.status().role === "running");
  const other = run(second.labelling);
  await until(() => other.status().role === "standby");
  await side.happen(jarId, opened(), labelled("one"));
  await until(() => first.noted.length === 1);
  await runner.stop();
  await side.happen(jarId, labelled("two"));
  await until(() => second.noted.length === 1);
  expect([first.noted, second.noted]).toEqual([["one"], ["two"]]);
});
