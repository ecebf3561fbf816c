import { randomUUID } from "node:crypto";
import fc from "fast-check";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { AddCredits, DebitCredits } from "../../src/commands/credits.ts";
import { creditLedger } from "../../src/domain/credits/creditLedger.ts";
import { verifyChain } from "../../src/eventstore/chain.ts";
import { keptCommands } from "../../src/platform/commandMemory.ts";
import { query } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { contextOf, openLedger, type Process, startWriteSide, type WriteSide } from "./writeSide.ts";

const limits = { snapshotEvery: 10 };
let backends: WriteSide;
let process: Process;

beforeAll(async () => {
  backends = await startWriteSide();
  process = backends.process({ limits });
});
afterEach(() => forgetAll());
afterAll(() => backends.stop());

const debit = (workspaceId: string, context = contextOf(), amount = 1, by = process) =>
  by.handler.handle(DebitCredits, { workspaceId, amount, description: "row" }, context);

const snapshotOf = async (workspaceId: string) => {
  const [row] = await query<{ revision: number }>(
    backends.pool,
    sql`select revision from runtime.stream_snapshots where stream = ${`credit_ledger-${workspaceId}`}`,
  );
  return row?.revision;
};

const forgetAll = () => backends.forgetCommands();

/** Debits until a snapshot is there. @returns the contexts of the debits */
const debitUntilSnapshot = async (workspaceId: string) => {
  const contexts = [];
  while ((await snapshotOf(workspaceId)) === undefined) {
    const context = contextOf();
    await debit(workspaceId, context);
    contexts.push(context);
  }
  return contexts;
};

test("BILL-11: a command from before the snapshot is recognised by a process that never read it", async () => {
  const workspaceId = await openLedger(process.handler, 1_000);
  const [first = contextOf(), ...others] = await debitUntilSnapshot(workspaceId);
  const fresh = backends.process({ limits });
  expect(await debit(workspaceId, first, 1, fresh)).toMatchObject({
    answer: { balance: 999, transaction: { balanceAfter: 999 } },
    revision: 2n,
    replayed: true,
  });
  expect(await debit(workspaceId, first, 2, fresh)).toMatchObject({ code: "IDEMPOTENCY_KEY_REUSED" });
  expect(await debit(workspaceId, contextOf(), 1, fresh)).toMatchObject({ answer: { balance: 998 - others.length } });
});

test("BILL-11: a command is recognised by the process that handed it over to the memory", async () => {
  const workspaceId = await openLedger(process.handler, 1_000);
  const contexts = await debitUntilSnapshot(workspaceId);
  await debit(workspaceId);
  for (const context of contexts) expect(await debit(workspaceId, context)).toMatchObject({ replayed: true });
});

test("a lane that begins at a snapshot continues the chain where it stood", async () => {
  const workspaceId = await openLedger(process.handler, 1_000);
  await debitUntilSnapshot(workspaceId);
  const fresh = backends.process({ limits });
  await debit(workspaceId, contextOf(), 1, fresh);
  const events = await Array.fromAsync(process.store.read(`credit_ledger-${workspaceId}`));
  expect(await verifyChain(workspaceId, events)).toMatchObject({ isIntact: true });
});

test("a snapshot of another version of the fold is not used", async () => {
  const workspaceId = await openLedger(process.handler, 1_000);
  const contexts = await debitUntilSnapshot(workspaceId);
  await query(
    backends.pool,
    sql`update runtime.stream_snapshots set fold_version = 0, state = jsonb_set(state, '{fold,balance}', '7')
      where stream = ${`credit_ledger-${workspaceId}`}`,
  );
  await query(
    backends.pool,
    sql`update runtime.command_results
      set answer = jsonb_set(jsonb_set(answer, '{foldVersion}', '0'), '{state,balance}', '7')
      where stream = ${`credit_ledger-${workspaceId}`}`,
  );
  const fresh = backends.process({ limits });
  const { state } = await fresh.handler.stateOf(creditLedger, workspaceId);
  expect(state).toMatchObject({ balance: 1_000 - contexts.length });
  expect(await debit(workspaceId, contexts[0], 1, fresh)).toMatchObject({ answer: { balance: 999 }, replayed: true });
});

test("what was thrown away while a lane relies on it is noticed before the next decision", async () => {
  const workspaceId = await openLedger(process.handler, 1_000);
  const contexts = await debitUntilSnapshot(workspaceId);
  await debit(workspaceId);
  await forgetAll();
  for (const context of contexts) expect(await debit(workspaceId, context)).toMatchObject({ replayed: true });
  const { state } = await process.handler.stateOf(creditLedger, workspaceId);
  expect(state).toMatchObject({ balance: 999 - contexts.length });
});

test("snapshots present, absent or thrown away: the same commands have the same outcome (>= 100 runs)", async () => {
  type Step = { kind: "add" | "debit"; amount: number } | { kind: "repeat"; which: number } | { kind: "forget" };
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("add" as const), amount: fc.integer({ min: 1, max: 50 }) }) },
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("debit" as const), amount: fc.integer({ min: 1, max: 50 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("repeat" as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.constant({ kind: "forget" as const }) },
  );
  const often = [1, 2, 3].map((snapshotEvery) => backends.process({ limits: { snapshotEvery, lanesMax: 1 } }));
  const never = backends.process({ limits: { snapshotEvery: Number.MAX_SAFE_INTEGER } });

  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
      const play = async (processes: readonly Process[]) => {
        const workspaceId = await openLedger(never.handler, 40);
        const told: unknown[] = [];
        const contexts: { context: ReturnType<typeof contextOf>; kind: "add" | "debit"; amount: number }[] = [];
        for (const [index, one] of steps.entries()) {
          const by = processes[index % processes.length] ?? never;
          if (one.kind === "forget") {
            await forgetAll();
            continue;
          }
          if (one.kind !== "repeat") contexts.push({ context: contextOf(), kind: one.kind, amount: one.amount });
          const sent = one.kind === "repeat" ? contexts[one.which % contexts.length] : contexts.at(-1);
          if (!sent) continue;
          const input = { workspaceId, amount: sent.amount, description: "row" };
          const outcome = await by.handler.handle(sent.kind === "add" ? AddCredits : DebitCredits, input, sent.context);
          told.push("answer" in outcome ? [outcome.answer.balance, outcome.revision, outcome.replayed] : outcome.code);
        }
        const written = await Array.fromAsync(never.store.read(`credit_ledger-${workspaceId}`));
        expect(await verifyChain(workspaceId, written)).toMatchObject({ isIntact: true });
        return { told, written: written.map(({ type, data }) => [type, data["amount"]]) };
      };
      expect(await play(often)).toEqual(await play([never]));
    }),
    { numRuns: 100, endOnFailure: true },
  );
});

describe("what all ledgers hold together", () => {
  const readsOf = (by: Process) => {
    const read = vi.spyOn(by.store, "read");
    return (workspaceId: string) =>
      read.mock.calls.filter(([stream]) => stream === `credit_ledger-${workspaceId}`).length;
  };
  const ledgersWith = async (by: Process, debits: number, count: number) => {
    const ledgers: string[] = [];
    for (let ledger = 0; ledger < count; ledger += 1) {
      const workspaceId = await openLedger(by.handler, 1_000);
      for (let done = 0; done < debits; done += 1) await debit(workspaceId, contextOf(), 1, by);
      ledgers.push(workspaceId);
    }
    return ledgers;
  };

  test("many ledgers, each below its snapshot, filled the memory: the least recently used are let go", async () => {
    const many = backends.process({ limits: { heldCommandsMax: 20, snapshotEvery: 1_000 } });
    const ledgers = await ledgersWith(many, 4, 6);
    const [first = "", last = ""] = [ledgers[0], ledgers.at(-1)];
    const reads = readsOf(many);
    await debit(last, contextOf(), 1, many);
    expect(reads(last)).toBe(0);
    expect(await debit(first, contextOf(), 1, many)).toMatchObject({ answer: { balance: 995 } });
    expect(reads(first)).toBeGreaterThan(0);
  });

  test("is counted right however often ledgers are let go and read again: few of them always stay", async () => {
    const many = backends.process({ limits: { heldCommandsMax: 60, snapshotEvery: 1_000 } });
    const ledgers = await ledgersWith(many, 3, 8);
    for (let round = 0; round < 10; round += 1)
      await Promise.all(ledgers.map((workspaceId) => debit(workspaceId, contextOf(), 1, many)));
    const [one = "", other = ""] = ledgers;
    const inTurn = [one, other, one, other];
    for (const workspaceId of inTurn) await debit(workspaceId, contextOf(), 1, many);
    const reads = readsOf(many);
    for (const workspaceId of inTurn) await debit(workspaceId, contextOf(), 1, many);
    expect([reads(one), reads(other)]).toEqual([0, 0]);
  });

  test("is handed over early where it gets much", async () => {
    const many = backends.process({ limits: { heldCommandsMax: 40, snapshotEvery: 100 } });
    const [workspaceId = ""] = await ledgersWith(many, 30, 1);
    await expect.poll(() => snapshotOf(workspaceId)).toBeGreaterThan(0);
  });

  test("does not grow while nothing can be handed over: ledgers take no more until it can", async () => {
    const full = backends.process({ limits: { heldCommandsMax: 12, snapshotEvery: 6 } });
    const workspaceId = await openLedger(full.handler, 1_000);
    const locking = await backends.pool.connect();
    await locking.query("begin; lock table runtime.command_results in access exclusive mode");
    const outcomes = [];
    for (let done = 0; done < 20; done += 1) outcomes.push(await debit(workspaceId, contextOf(), 1, full));
    expect(outcomes.map((outcome) => ("code" in outcome ? outcome.code : "done"))).toEqual([
      ...Array.from({ length: 10 }, () => "done"),
      ...Array.from({ length: 10 }, () => "OVERLOADED"),
    ]);
    await locking.query("rollback");
    locking.release();
    await expect.poll(() => snapshotOf(workspaceId)).toBeGreaterThan(0);
  });
});

test("a ledger that could hand nothing over for long stopped the process: it does so in slices", async () => {
  const query = vi.spyOn(pg.Client.prototype, "query");
  onTestFinished(() => query.mockRestore());
  const memory = keptCommands(backends.pool);
  const commands = new Map(
    Array.from({ length: 2_500 }, (_, index) => {
      const revision = BigInt(index);
      return [randomUUID(), { inputHash: "hash", firstRevision: revision, revision, position: revision, state: {} }];
    }),
  );
  const lastCommandId = [...commands.keys()].at(-1) ?? "";
  const stream = `credit_ledger-${randomUUID()}`;
  const snapshot = { revision: 2_499n, position: 2_499n, state: {}, chain: "chain", lastCommandId };
  await memory.keep(stream, 1, snapshot, commands, undefined);

  const longest = query.mock.calls.flatMap(([statement]: unknown[]) =>
    typeof statement === "object" && statement !== null && "values" in statement && Array.isArray(statement.values)
      ? statement.values.map((value: unknown) => (Array.isArray(value) ? value.length : 0))
      : [],
  );
  expect(Math.max(...longest)).toBeLessThanOrEqual(500);
  expect((await memory.recall(stream, 1, lastCommandId, [...commands.keys()]))?.size).toBe(2_500);
});
