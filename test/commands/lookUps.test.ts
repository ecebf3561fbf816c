import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { CarriedOut, Commands } from "../../src/commands/commandMemory.ts";
import { lookUpsIn } from "../../src/commands/lookUps.ts";

const done: CarriedOut = { inputHash: "hash", firstRevision: 1n, revision: 1n, position: 1n };
const nothing: Commands = new Map();

/** Look-ups whose answers are given by hand. */
const lookUps = ({ held = new Set<string>() } = {}) => {
  const asked: { ids: readonly string[]; answer(found: Commands | undefined): void; fail(): void }[] = [];
  const under = lookUpsIn({
    isHeld: (id) => held.has(id),
    ask(ids) {
      const { promise, resolve, reject } = Promise.withResolvers<Commands | undefined>();
      asked.push({ ids, answer: resolve, fail: () => reject(new Error("the memory is away")) });
      return promise;
    },
  });
  /** The newest question, once it was asked. */
  const question = async (count: number) => {
    await expect.poll(() => asked).toHaveLength(count);
    return asked.at(-1) ?? expect.fail();
  };
  return { under, asked, question };
};

test("what comes in together is asked together, and what comes meanwhile goes with the next", async () => {
  const { under, asked, question } = lookUps();
  under.begin(["a"]);
  under.begin(["b"]);
  const first = await question(1);
  under.begin(["c"]);
  under.begin(["d"]);
  expect(asked.map(({ ids }) => ids)).toEqual([["a", "b"]]);
  first.answer(new Map([["b", done]]));
  const second = await question(2);
  expect(second.ids).toEqual(["c", "d"]);
  expect([under.found("a"), under.found("b")]).toEqual([undefined, done]);
});

test("what is waited for is asked for at once, and what comes after it is not waited for", async () => {
  const { under, asked } = lookUps();
  const answered = under.answered(["a"]);
  expect(asked).toHaveLength(1);
  under.begin(["b"]);
  asked[0]?.answer(nothing);
  expect(await answered).toBe(true);
});

test("a command that leaves after it was found nowhere older is found", async () => {
  const { under, question } = lookUps();
  under.begin(["a"]);
  (await question(1)).answer(nothing);
  expect(await under.answered(["a"])).toBe(true);
  under.left(new Map([["a", done]]));
  expect(under.found("a")).toBe(done);
});

test("a command that leaves while it is looked up is found, whatever the answer says", async () => {
  const { under, question } = lookUps();
  under.begin(["a"]);
  const first = await question(1);
  under.left(new Map([["a", done]]));
  first.answer(nothing);
  expect(await under.answered(["a"])).toBe(true);
  expect(under.found("a")).toBe(done);
});

test("a command that is held is not asked for, and found when it leaves", async () => {
  const { under, asked } = lookUps({ held: new Set(["a"]) });
  under.begin(["a"]);
  expect(await under.answered(["a"])).toBe(true);
  under.left(new Map([["a", done]]));
  expect(under.found("a")).toBe(done);
  expect(asked).toEqual([]);
});

test("where the older ones are gone it is said so", async () => {
  const { under, question } = lookUps();
  const answered = under.answered(["a"]);
  (await question(1)).answer(undefined);
  expect(await answered).toBe(false);
  expect(await under.answered(["a"])).toBe(false);
});

test("whoever waits hears that the memory is away, and the next one asks again", async () => {
  const { under, question } = lookUps();
  const answered = under.answered(["a"]);
  const first = await question(1);
  first.fail();
  await expect(answered).rejects.toThrow("the memory is away");
  const again = under.answered(["a"]);
  (await question(2)).answer(nothing);
  expect(await again).toBe(true);
});

test("however many wait, a statement asks for no more than 500 of them", async () => {
  const { under, question } = lookUps();
  const ids = Array.from({ length: 700 }, () => randomUUID());
  const answered = under.answered(ids);
  const first = await question(1);
  expect(first.ids).toEqual(ids.slice(0, 500));
  first.answer(nothing);
  const second = await question(2);
  expect(second.ids).toEqual(ids.slice(500));
  second.answer(nothing);
  expect(await answered).toBe(true);
});

test("commands that wait no more are forgotten", async () => {
  const { under, question } = lookUps();
  const answered = under.answered(["a"]);
  (await question(1)).answer(new Map([["a", done]]));
  await answered;
  under.end(["a"]);
  expect(under.found("a")).toBeUndefined();
});
