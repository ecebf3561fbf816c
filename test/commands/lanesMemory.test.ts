import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { verifyChain } from "../../src/eventstore/chain.ts";
import { query } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { FillPurse, TakeCoins } from "./purse.ts";
import { coinsIn, contextOf, openPurse, type Process, startWriteSide, type WriteSide } from "./writeSide.ts";

const limits = { snapshotEvery: 10 };
let backends: WriteSide;
let process: Process;

beforeAll(async () => {
  backends = await startWriteSide();
  process = backends.process({ limits });
});
afterEach(() => forgetAll());
afterAll(() => backends.stop());

const take = (purseId: string, context = contextOf(), coins = 1, by = process) =>
  by.handler.handle(TakeCoins, { purseId, coins }, context);

const snapshotOf = async (purseId: string) => {
  const [row] = await query<{ revision: number }>(
    backends.pool,
    sql`select revision from runtime.stream_snapshots where ledger = ${purseId}`,
  );
  return row?.revision;
};

const forgetAll = () => backends.forgetCommands();

/** Takes coins until a snapshot is there. @returns the contexts of the takings */
const takeUntilSnapshot = async (purseId: string) => {
  const contexts = [];
  while ((await snapshotOf(purseId)) === undefined) {
    const context = contextOf();
    await take(purseId, context);
    contexts.push(context);
  }
  return contexts;
};

test("BILL-11: a command from before the snapshot is recognised by a process that never read it", async () => {
  const purseId = await openPurse(process.handler, 1_000);
  const [first = contextOf(), ...others] = await takeUntilSnapshot(purseId);
  const fresh = backends.process({ limits });
  expect(await take(purseId, first, 1, fresh)).toMatchObject({
    answer: { left: 999 },
    revision: 1n,
    replayed: true,
  });
  expect(await take(purseId, first, 2, fresh)).toMatchObject({ code: "IDEMPOTENCY_KEY_REUSED" });
  expect(await take(purseId, contextOf(), 1, fresh)).toMatchObject({ answer: { left: 998 - others.length } });
});

test("BILL-11: a command is recognised by the process that handed it over to the memory", async () => {
  const purseId = await openPurse(process.handler, 1_000);
  const contexts = await takeUntilSnapshot(purseId);
  await take(purseId);
  for (const context of contexts) expect(await take(purseId, context)).toMatchObject({ replayed: true });
});

test("a lane that begins at a snapshot continues the chain where it stood", async () => {
  const purseId = await openPurse(process.handler, 1_000);
  await takeUntilSnapshot(purseId);
  const fresh = backends.process({ limits });
  await take(purseId, contextOf(), 1, fresh);
  const events = await Array.fromAsync(process.store.read(`purse-${purseId}`));
  expect(await verifyChain(purseId, events)).toMatchObject({ isIntact: true });
});

test("a snapshot of another version of the fold is not used", async () => {
  const purseId = await openPurse(process.handler, 1_000);
  const contexts = await takeUntilSnapshot(purseId);
  await query(
    backends.pool,
    sql`update runtime.stream_snapshots set fold_version = 0, state = jsonb_set(state, '{coins}', '7')
      where ledger = ${purseId}`,
  );
  const fresh = backends.process({ limits });
  expect(await coinsIn(fresh.handler, purseId)).toBe(1_000 - contexts.length);
  expect(await take(purseId, contexts[0], 1, fresh)).toMatchObject({ answer: { left: 999 }, replayed: true });
});

test("what was thrown away while a lane relies on it is noticed before the next decision", async () => {
  const purseId = await openPurse(process.handler, 1_000);
  const contexts = await takeUntilSnapshot(purseId);
  await take(purseId);
  await forgetAll();
  for (const context of contexts) expect(await take(purseId, context)).toMatchObject({ replayed: true });
  expect(await coinsIn(process.handler, purseId)).toBe(999 - contexts.length);
});

test("what is thrown away while more is handed over is made anew with the next command", async () => {
  const purseId = await openPurse(process.handler, 1_000);
  const contexts = await takeUntilSnapshot(purseId);
  await forgetAll();
  // These are handed over to a memory that does not have what was before them.
  const items = Array.from({ length: 30 }, () => ({ input: { purseId, coins: 1 }, context: contextOf() }));
  await process.handler.handleAll(TakeCoins, items, { atomic: true });
  const again = [...contexts, ...items.map(({ context }) => context)];
  for (const context of again) expect(await take(purseId, context)).toMatchObject({ replayed: true });
  await takeUntilSnapshot(purseId);
  expect(await snapshotOf(purseId)).toBeGreaterThan(again.length - 2 * limits.snapshotEvery);
});

test("snapshots present, absent or thrown away: the same commands have the same outcome (>= 100 runs)", async () => {
  type Step = { kind: "fill" | "take"; coins: number } | { kind: "repeat"; which: number } | { kind: "forget" };
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("fill" as const), coins: fc.integer({ min: 1, max: 50 }) }) },
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("take" as const), coins: fc.integer({ min: 1, max: 50 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("repeat" as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.constant({ kind: "forget" as const }) },
  );
  const often = [1, 2, 3].map((snapshotEvery) => backends.process({ limits: { snapshotEvery, lanesMax: 1 } }));
  const never = backends.process({ limits: { snapshotEvery: Number.MAX_SAFE_INTEGER } });

  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
      const play = async (processes: readonly Process[]) => {
        const purseId = await openPurse(never.handler, 40);
        const told: unknown[] = [];
        const contexts: { context: ReturnType<typeof contextOf>; kind: "fill" | "take"; coins: number }[] = [];
        for (const [index, one] of steps.entries()) {
          const by = processes[index % processes.length] ?? never;
          if (one.kind === "forget") {
            await forgetAll();
            continue;
          }
          if (one.kind !== "repeat") contexts.push({ context: contextOf(), kind: one.kind, coins: one.coins });
          const sent = one.kind === "repeat" ? contexts[one.which % contexts.length] : contexts.at(-1);
          if (!sent) continue;
          const input = { purseId, coins: sent.coins };
          const outcome = await by.handler.handle(sent.kind === "fill" ? FillPurse : TakeCoins, input, sent.context);
          told.push("answer" in outcome ? [outcome.answer.left, outcome.revision, outcome.replayed] : outcome.code);
        }
        const written = await Array.fromAsync(never.store.read(`purse-${purseId}`));
        expect(await verifyChain(purseId, written)).toMatchObject({ isIntact: true });
        return { told, written: written.map(({ type, data }) => [type, data["coins"]]) };
      };
      expect(await play(often)).toEqual(await play([never]));
    }),
    { numRuns: 100, endOnFailure: true },
  );
});

describe("what all ledgers hold together", () => {
  const readsOf = (by: Process) => {
    const read = vi.spyOn(by.store, "read");
    return (purseId: string) => read.mock.calls.filter(([stream]) => stream === `purse-${purseId}`).length;
  };
  const pursesWith = async (by: Process, takings: number, count: number) => {
    const purses: string[] = [];
    for (let opened = 0; opened < count; opened += 1) {
      const purseId = await openPurse(by.handler, 1_000);
      for (let done = 0; done < takings; done += 1) await take(purseId, contextOf(), 1, by);
      purses.push(purseId);
    }
    return purses;
  };

  test("many ledgers, each below its snapshot, filled the memory: the least recently used are let go", async () => {
    const many = backends.process({ limits: { heldCommandsMax: 20, snapshotEvery: 1_000 } });
    const purses = await pursesWith(many, 4, 6);
    const [first = "", last = ""] = [purses[0], purses.at(-1)];
    const reads = readsOf(many);
    await take(last, contextOf(), 1, many);
    expect(reads(last)).toBe(0);
    expect(await take(first, contextOf(), 1, many)).toMatchObject({ answer: { left: 995 } });
    expect(reads(first)).toBeGreaterThan(0);
  });

  test("is counted right however often ledgers are let go and read again: few of them always stay", async () => {
    const many = backends.process({ limits: { heldCommandsMax: 60, snapshotEvery: 1_000 } });
    const purses = await pursesWith(many, 3, 8);
    for (let round = 0; round < 10; round += 1)
      await Promise.all(purses.map((purseId) => take(purseId, contextOf(), 1, many)));
    const [one = "", other = ""] = purses;
    const inTurn = [one, other, one, other];
    for (const purseId of inTurn) await take(purseId, contextOf(), 1, many);
    const reads = readsOf(many);
    for (const purseId of inTurn) await take(purseId, contextOf(), 1, many);
    expect([reads(one), reads(other)]).toEqual([0, 0]);
  });

  test("is handed over early where it gets much", async () => {
    const many = backends.process({ limits: { heldCommandsMax: 40, snapshotEvery: 100 } });
    const [purseId = ""] = await pursesWith(many, 30, 1);
    await expect.poll(() => snapshotOf(purseId)).toBeGreaterThan(0);
  });

  test("does not grow while nothing can be handed over: ledgers take no more until it can", async () => {
    const full = backends.process({ limits: { heldCommandsMax: 12, snapshotEvery: 6 } });
    const purseId = await openPurse(full.handler, 1_000);
    const locking = await backends.pool.connect();
    await locking.query("begin; lock table runtime.command_results in access exclusive mode");
    const outcomes = [];
    for (let done = 0; done < 20; done += 1) outcomes.push(await take(purseId, contextOf(), 1, full));
    expect(outcomes.map((outcome) => ("code" in outcome ? outcome.code : "done"))).toEqual([
      ...Array.from({ length: 11 }, () => "done"),
      ...Array.from({ length: 9 }, () => "OVERLOADED"),
    ]);
    await locking.query("rollback");
    locking.release();
    await expect.poll(() => snapshotOf(purseId)).toBeGreaterThan(0);
  });
});

test("a process that serves more ledgers than it may hold keeps no more, and each stays right", async () => {
  const lanesMax = 20;
  const many = backends.process({ limits: { lanesMax, heldCommandsMax: 30, snapshotEvery: 3 } });
  const purses = await Promise.all(Array.from({ length: 200 }, (_, index) => openPurse(many.handler, index + 10)));
  const lanesAfterEach: number[] = [];
  for (const purseId of purses) {
    await take(purseId, contextOf(), 1, many);
    lanesAfterEach.push(many.handler.held().lanes);
  }
  expect(Math.max(...lanesAfterEach)).toBeLessThanOrEqual(lanesMax);
  expect(many.handler.held().commands).toBeLessThanOrEqual(30 + lanesMax);

  const twice = contextOf();
  for (const _ of [1, 2]) await Promise.all(purses.map((purseId) => take(purseId, twice, 2, many)));
  const left = await Promise.all(purses.map((purseId) => coinsIn(many.handler, purseId)));
  expect(left).toEqual(purses.map((_, index) => index + 7));
  expect(many.handler.held().lanes).toBeLessThanOrEqual(lanesMax);
});
