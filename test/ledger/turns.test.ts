import { expect, test } from "vitest";
import { DebitCredits } from "../../src/commands/credits/debits.ts";
import { AddCredits } from "../../src/commands/credits/grants.ts";
import { OpenLedger } from "../../src/commands/credits/opening.ts";
import { commandHandler } from "../../src/commands/handler.ts";
import type { RightOfWay, Word } from "../../src/commands/turns.ts";
import { eventCodec } from "../../src/eventstore/codec.ts";
import type { EventStore } from "../../src/eventstore/store.ts";
import { derivedId } from "../../src/kernel/ids.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { contextOf } from "../commands/writeSide.ts";
import { seeded } from "./random.ts";
import { simulatedMemory } from "./simulation/simulatedMemory.ts";
import { simulatedRightOfWay } from "./simulation/simulatedRightOfWay.ts";
import { simulatedStore } from "./simulation/simulatedStore.ts";
import { virtualTime, within } from "./simulation/virtualTime.ts";

const calm = { lost: 0, repeated: 0, slow: 0, broken: 0, forgetful: 0 };
const codec = eventCodec({ keysToRead: async () => new Map(), keysToWrite: async () => new Map() });
const [workspaceId, organizationId] = [derivedId("workspace"), derivedId("organization")];

type Asking = { callers: number; pauseMs: number; debitsEach: number };
type Seen = { appends: number; conflicts: number; words: Omit<Word, "from">[]; debits: number[]; elapsedMs: number };
type World = { lost?: number; cut?: (seen: Seen) => number | undefined };

/** Processes that take turns at one ledger, each asked by so many callers. @returns what was to be seen of it */
const contention = async (processes: readonly Asking[], { lost = 0, cut = () => undefined }: World = {}) => {
  const random = seeded(7);
  const time = virtualTime(Date.parse("2026-03-01T09:00:00Z"));
  const seen: Seen = { appends: 0, conflicts: 0, words: [], debits: processes.map(() => 0), elapsedMs: 0 };
  await within(time, random, async () => {
    const [store, memory] = [simulatedStore(time, random, calm), simulatedMemory(time, random, calm)];
    const way = simulatedRightOfWay(time, random, { ...calm, lost });
    const boot = () => {
      const [connection, telling] = [store.connect(), way.connect()];
      const handler = commandHandler({
        store: watched(connection.store, seen),
        rightOfWay: overheard(telling.rightOfWay, seen),
        memory: memory.connect().memory,
        ...{ codec, categories: [], hashInput: (text: string) => text },
      });
      handler.start();
      const die = () => {
        connection.cut();
        telling.cut();
      };
      return { handler, die };
    };
    const context = () =>
      contextOf({ actor: { kind: "system", id: null }, now: new Date(Date.now()).toISOString(), organizationId });
    const booted = processes.map(boot);
    const caller = async ({ pauseMs, debitsEach }: Asking, index: number) => {
      for (let done = 0; done < debitsEach; done += 1) {
        await time.sleep(pauseMs * random.next());
        const debit = { workspaceId, amount: 1, description: "Run" };
        const outcome = await booted[index]?.handler.handle(DebitCredits, debit, context());
        if (!outcome || isRejection(outcome)) throw new Error("a debit was refused");
        seen.debits[index] = (seen.debits[index] ?? 0) + 1;
        const dying = cut(seen);
        if (dying !== undefined) booted[dying]?.die();
      }
    };
    let [isOpen, left] = [false, 0];
    const open = async () => {
      await booted[0]?.handler.handle(OpenLedger, { workspaceId, organizationId, planType: "pro" }, context());
      const funds = { workspaceId, amount: 1_000_000, description: "Top-up" };
      await booted[0]?.handler.handle(AddCredits, funds, context());
      isOpen = true;
    };
    void open();
    await time.passUntil(() => isOpen);
    Object.assign(seen, { appends: 0, conflicts: 0, words: [] });
    const beganAt = time.elapsed();
    processes.forEach((asking, index) => {
      for (let count = 0; count < asking.callers; count += 1) {
        left += 1;
        void caller(asking, index).then(() => {
          left -= 1;
        });
      }
    });
    // What a dead process was asked is never answered.
    const isOver = () => (cut(seen) === undefined ? left === 0 : left <= (processes[cut(seen) ?? 0]?.callers ?? 0));
    await time.passUntil(isOver);
    seen.elapsedMs = time.elapsed() - beganAt;
  });
  return seen;
};

const watched = (store: EventStore, seen: Seen): EventStore => ({
  ...store,
  async append(...asked) {
    seen.appends += 1;
    const outcome = await store.append(...asked);
    if (outcome === "conflict") seen.conflicts += 1;
    return outcome;
  },
});

const overheard = (rightOfWay: RightOfWay, seen: Seen): RightOfWay => ({
  ...rightOfWay,
  tell(word) {
    seen.words.push(word);
    return rightOfWay.tell(word);
  },
});

const busy: Asking = { callers: 16, pauseMs: 3, debitsEach: 40 };

test("a process that meets no other one says nothing", async () => {
  expect(await contention([busy])).toMatchObject({ words: [], conflicts: 0 });
});

test("two busy processes meet once and then take turns: a word and one append each", async () => {
  const { appends, conflicts, words, debits } = await contention([busy, busy]);
  expect(debits).toEqual([640, 640]);
  expect(conflicts).toBeLessThanOrEqual(3);
  expect(words.length).toBeLessThan(appends * 1.2);
  expect(1_280 / appends).toBeGreaterThan(busy.callers * 0.7);
});

test("four busy processes go round", async () => {
  const { appends, conflicts, debits } = await contention([busy, busy, busy, busy]);
  expect(debits).toEqual([640, 640, 640, 640]);
  expect(conflicts / appends).toBeLessThan(0.1);
});

test("one who writes seldom is let in, and not waited for in between", async () => {
  const seldom = { callers: 1, pauseMs: 100, debitsEach: 8 };
  const { appends, words, conflicts } = await contention([{ ...busy, debitsEach: 80 }, seldom]);
  expect(words.length).toBeLessThan(appends * 0.6);
  expect(conflicts).toBeLessThan(8);
});

test("a process that dies in its turn is not waited for again", async () => {
  const dying = { cut: ({ debits }: Seen) => ((debits[1] ?? 0) >= 100 ? 1 : undefined) };
  const { debits, elapsedMs } = await contention([busy, busy], dying);
  const alone = await contention([{ ...busy, debitsEach: 80 }]);
  expect(debits[0]).toBe(640);
  expect(elapsedMs).toBeLessThan(alone.elapsedMs + 500);
});

test("where no word arrives every debit is still written", async () => {
  const { debits } = await contention([busy, busy], { lost: 1 });
  expect(debits).toEqual([640, 640]);
});

test("where every other word is lost they still take turns, with what is told again", async () => {
  const { debits, conflicts, appends } = await contention([busy, busy], { lost: 0.5 });
  expect(debits).toEqual([640, 640]);
  expect(conflicts / appends).toBeLessThan(0.5);
});
