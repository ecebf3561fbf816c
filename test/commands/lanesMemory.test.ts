import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { AddCredits, DebitCredits } from "../../src/commands/credits.ts";
import { creditLedger } from "../../src/domain/credits/creditLedger.ts";
import { verifyChain } from "../../src/eventstore/chain.ts";
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
