import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Accepted, CommandContext } from "../../src/commands/handler.ts";
import { isRejection, type Rejection } from "../../src/kernel/rejection.ts";
import { FillPurse, TakeCoins } from "./purse.ts";
import { coinsIn, contextOf, openPurse, type Process, startWriteSide, type WriteSide } from "./writeSide.ts";

let backends: WriteSide;
let here: Process;
let elsewhere: Process;

beforeAll(async () => {
  backends = await startWriteSide();
  here = backends.process();
  elsewhere = backends.process();
});
afterAll(() => backends.stop());

type Item = { coins: number; context?: CommandContext };
const takeAll = (purseId: string, items: readonly (number | Item)[], how: { atomic: boolean }, process = here) =>
  process.handler.handleAll(
    TakeCoins,
    items.map((item) => {
      const { coins, context = contextOf() } = typeof item === "number" ? { coins: item } : item;
      return { input: { purseId, coins }, context };
    }),
    how,
  );
const [eachAlone, allOrNothing] = [{ atomic: false }, { atomic: true }];

const eventsOf = (purseId: string) => Array.fromAsync(here.store.read(`purse-${purseId}`));
const told = (outcomes: readonly (Rejection | Accepted<{ left: number }>)[]) =>
  outcomes.map((outcome) => (isRejection(outcome) ? outcome.code : outcome.answer.left));
const replayed = (outcomes: readonly (Rejection | Accepted<unknown>)[]) =>
  outcomes.map((outcome) => "replayed" in outcome && outcome.replayed);
const appendsOf = (process: Process) => {
  const append = vi.spyOn(process.store, "append");
  return (purseId: string) => append.mock.calls.filter(([stream]) => stream === `purse-${purseId}`).length;
};

describe("a group", () => {
  test("is handled as if each was alone, in order, in one append", async () => {
    const process = backends.process();
    const purseId = await openPurse(process.handler, 10);
    const appends = appendsOf(process);
    expect(told(await takeAll(purseId, [4, 7, 3, 3], eachAlone, process))).toEqual([6, "TOO_FEW_COINS", 3, 0]);
    expect(appends(purseId)).toBe(1);
    expect(await eventsOf(purseId)).toHaveLength(5);
  });

  test("longer than an append may be goes into several, and is told as one", async () => {
    const process = backends.process({ limits: { batchCommandsMax: 40, batchBytesMax: 20_000 } });
    const purseId = await openPurse(process.handler, 1_000);
    const outcomes = await takeAll(
      purseId,
      Array.from({ length: 500 }, () => 1),
      eachAlone,
      process,
    );
    expect(told(outcomes)).toEqual(Array.from({ length: 500 }, (_, index) => 999 - index));
  });

  test("of none is told nothing", async () => {
    expect(await takeAll(randomUUID(), [], allOrNothing)).toEqual([]);
  });

  test("is for one stream", async () => {
    const items = [0, 1].map(() => ({ input: { purseId: randomUUID(), coins: 1 }, context: contextOf() }));
    await expect(here.handler.handleAll(TakeCoins, items, eachAlone)).rejects.toThrow("one stream");
  });

  test.each([eachAlone, allOrNothing])(
    "BILL-11: sent again gives the first answers with one read (%o)",
    async (how) => {
      const purseId = await openPurse(here.handler, 100);
      const items = [1, 2, 3, 94].map((coins) => ({ coins, context: contextOf() }));
      const first = await takeAll(purseId, items, how);
      const fresh = backends.process();
      await coinsIn(fresh.handler, purseId);
      const read = vi.spyOn(fresh.store, "read");
      const again = await takeAll(purseId, items, how, fresh);
      expect(again.map((outcome) => "answer" in outcome && outcome.answer)).toEqual(
        first.map((outcome) => "answer" in outcome && outcome.answer),
      );
      expect(replayed(again)).toEqual([true, true, true, true]);
      expect(read.mock.calls.filter(([, , count]) => count !== undefined)).toHaveLength(1);
      expect(await eventsOf(purseId)).toHaveLength(6);
    },
  );

  test.each([eachAlone, allOrNothing])(
    "BILL-11: the second of two with one key is the repetition of the first (%o)",
    async (how) => {
      const purseId = await openPurse(here.handler, 10);
      const twice = contextOf();
      const outcomes = await takeAll(purseId, [{ coins: 2, context: twice }, 3, { coins: 2, context: twice }], how);
      expect(told(outcomes)).toEqual([8, 5, 8]);
      expect(replayed(outcomes)).toEqual([false, false, true]);
      expect(outcomes[2]).toMatchObject({ revision: 1n });
      expect(await eventsOf(purseId)).toHaveLength(3);
    },
  );

  test("with one key for two inputs has the second one refused", async () => {
    const purseId = await openPurse(here.handler, 10);
    const items = () => {
      const twice = contextOf();
      return [2, 3].map((coins) => ({ coins, context: twice }));
    };
    expect(told(await takeAll(purseId, items(), eachAlone))).toEqual([8, "IDEMPOTENCY_KEY_REUSED"]);
    expect(told(await takeAll(purseId, items(), allOrNothing))).toEqual(["BULK_ABORTED", "IDEMPOTENCY_KEY_REUSED"]);
  });

  test.each([eachAlone, allOrNothing])("that is only tried is tried as a whole, and not written (%o)", async (how) => {
    const purseId = await openPurse(here.handler, 10);
    const twice = contextOf({ dryRun: true });
    const context = contextOf({ dryRun: true });
    const items = [
      { coins: 2, context: twice },
      { coins: 3, context },
      { coins: 2, context: twice },
    ];
    const tried = await takeAll(purseId, items, how);
    expect(told(tried)).toEqual([8, 5, 8]);
    expect(replayed(tried)).toEqual([false, false, true]);
    expect(await eventsOf(purseId)).toHaveLength(1);
  });
});

describe("an atomic group", () => {
  test("is written in one append, however many it is", async () => {
    const purseId = await openPurse(here.handler, 1_000);
    const appends = appendsOf(here);
    const coins = Array.from({ length: 500 }, () => 1);
    const outcomes = await takeAll(purseId, coins, allOrNothing);
    expect(told(outcomes)).toEqual(coins.map((_, index) => 999 - index));
    expect(appends(purseId)).toBe(1);
  });

  test("writes nothing when one is refused: that one is told why, the others that it was for another", async () => {
    const purseId = await openPurse(here.handler, 10);
    const outcomes = await takeAll(purseId, [4, 7, 3], allOrNothing);
    expect(told(outcomes)).toEqual(["BULK_ABORTED", "TOO_FEW_COINS", "BULK_ABORTED"]);
    expect(outcomes[0]).toMatchObject({ rejected: "conflict" });
    expect(await eventsOf(purseId)).toHaveLength(1);
    expect(await takeAll(purseId, [4], allOrNothing)).toMatchObject([{ answer: { left: 6 } }]);
  });

  test("that was refused can be sent again with the same keys", async () => {
    const purseId = await openPurse(here.handler, 5);
    const items = [4, 3].map((coins) => ({ coins, context: contextOf() }));
    expect(told(await takeAll(purseId, items, allOrNothing))).toEqual(["BULK_ABORTED", "TOO_FEW_COINS"]);
    await here.handler.handle(FillPurse, { purseId, coins: 5 }, contextOf());
    expect(told(await takeAll(purseId, items, allOrNothing))).toEqual([6, 3]);
  });

  test("counts what was carried out before as accepted, and says so even where the rest is not", async () => {
    const purseId = await openPurse(here.handler, 10);
    const done = { coins: 4, context: contextOf() };
    await takeAll(purseId, [done], eachAlone);
    const outcomes = await takeAll(purseId, [done, 1], allOrNothing);
    expect([told(outcomes), replayed(outcomes)]).toEqual([
      [6, 5],
      [true, false],
    ]);
    expect(told(await takeAll(purseId, [1, done, 6], allOrNothing))).toEqual(["BULK_ABORTED", 6, "TOO_FEW_COINS"]);
    expect(await coinsIn(here.handler, purseId)).toBe(5);
  });

  test("says so of what is carried out in the same append, too", async () => {
    const purseId = await openPurse(here.handler, 10);
    const twice = { coins: 4, context: contextOf() };
    const outcomes = await Promise.all([
      takeAll(purseId, [1], eachAlone),
      takeAll(purseId, [twice], eachAlone),
      takeAll(purseId, [1, twice, 20], allOrNothing),
    ]);
    expect(outcomes.map(told)).toEqual([[9], [5], ["BULK_ABORTED", 5, "TOO_FEW_COINS"]]);
    expect(await eventsOf(purseId)).toHaveLength(3);
  });

  test("that is more than an append may hold is refused as such, tried or meant", async () => {
    const process = backends.process({ limits: { batchBytesMax: 5_000 } });
    const purseId = await openPurse(process.handler, 10);
    for (const over of [{}, { dryRun: true as const }]) {
      const items = Array.from({ length: 8 }, () => ({ coins: 1, context: contextOf(over) }));
      const outcomes = await takeAll(purseId, items, allOrNothing, process);
      expect(told(outcomes)).toEqual(items.map(() => "BULK_TOO_LARGE"));
    }
    expect(await eventsOf(purseId)).toHaveLength(1);
  });

  test("does not keep others from being carried out with it", async () => {
    const purseId = await openPurse(here.handler, 10);
    const outcomes = await Promise.all([
      takeAll(purseId, [1], eachAlone),
      takeAll(purseId, [2, 20], allOrNothing),
      takeAll(purseId, [2, 3], allOrNothing),
      takeAll(purseId, [3, 2], eachAlone),
    ]);
    expect(outcomes.map(told)).toEqual([[9], ["BULK_ABORTED", "TOO_FEW_COINS"], [7, 4], [1, "TOO_FEW_COINS"]]);
  });
});

test("atomic groups are all or nothing while two processes write to one purse (>= 100 runs)", async () => {
  const group = fc.record({
    coins: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
    isHere: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(group, { minLength: 2, maxLength: 6 }), async (groups) => {
      const purseId = await openPurse(here.handler, 20);
      const items = groups.map(({ coins }) => coins.map((each) => ({ coins: each, context: contextOf() })));
      const outcomes = await Promise.all(
        groups.map(({ isHere }, index) =>
          takeAll(purseId, items[index] ?? [], allOrNothing, isHere ? here : elsewhere),
        ),
      );
      const written = (await eventsOf(purseId)).filter(({ type }) => type === "CoinsTaken");
      const idsWritten = written.map(({ metadata }) => metadata.commandId);
      let taken = 0;
      for (const [index, outcome] of outcomes.entries()) {
        const ids = (items[index] ?? []).map(({ context }) => context.commandId);
        const places = ids.map((id) => idsWritten.indexOf(id));
        const isDone = outcome.every((each) => !isRejection(each));
        if (isDone) expect(places).toEqual(places.map((_, at) => (places[0] ?? 0) + at));
        else expect(places).toEqual(places.map(() => -1));
        if (isDone) taken += (groups[index]?.coins ?? []).reduce((sum, coins) => sum + coins, 0);
        if (!isDone) expect(outcome.every(isRejection)).toBe(true);
      }
      expect(await coinsIn(here.handler, purseId)).toBe(20 - taken);
      expect(taken).toBeLessThanOrEqual(20);
    }),
    { numRuns: 100, endOnFailure: true },
  );
});
