import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { AddCredits, DebitCredits, OpenLedger } from "../../src/commands/credits.ts";
import { creditLedger } from "../../src/domain/credits/creditLedger.ts";
import { verifyChain } from "../../src/eventstore/chain.ts";
import { command } from "../../src/kernel/decider.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { contextOf, openLedger, type Process, startWriteSide, type WriteSide } from "./writeSide.ts";

let backends: WriteSide;
let here: Process;
let elsewhere: Process;

beforeAll(async () => {
  backends = await startWriteSide();
  here = backends.process();
  elsewhere = backends.process();
});
afterAll(() => backends.stop());

const debit = (workspaceId: string, amount: number, over = {}, process = here) =>
  process.handler.handle(DebitCredits, { workspaceId, amount, description: "row" }, contextOf(over));

const eventsOf = (workspaceId: string) => Array.fromAsync(here.store.read(`credit_ledger-${workspaceId}`));
const balanceOf = async (workspaceId: string, process = here) => {
  const { state } = await process.handler.stateOf(creditLedger, workspaceId);
  return state.status === "open" ? state.balance : undefined;
};

describe("a command", () => {
  test("is written with who asked, when, why and in which version", async () => {
    const workspaceId = await openLedger(here.handler, 10);
    const context = contextOf({ organizationId: randomUUID(), workspaceId, sessionId: randomUUID() });
    const accepted = await here.handler.handle(DebitCredits, { workspaceId, amount: 3, description: "row" }, context);
    expect(accepted).toMatchObject({ answer: { balance: 7 }, revision: 2n, replayed: false });

    const [, , event] = await eventsOf(workspaceId);
    expect(event?.metadata).toMatchObject({
      $correlationId: context.requestId,
      $causationId: context.causationId,
      commandId: context.commandId,
      actor: context.actor,
      orgId: context.organizationId,
      workspaceId,
      sessionId: context.sessionId,
      schemaVersion: 1,
      occurredAt: context.now,
    });
  });

  test("ES-02: is written without the address and the browser of its caller in clear", async () => {
    const workspaceId = await openLedger(here.handler, 10);
    await debit(workspaceId, 1, { ip: "203.0.113.99", userAgent: "a rare browser" });
    const stored = (await eventsOf(workspaceId)).map(({ metadata }) => JSON.stringify(metadata)).join();
    expect(stored).not.toContain("203.0.113.99");
    expect(stored).not.toContain("a rare browser");
  });

  test("BILL-11: sent again gives the first answer again and writes nothing", async () => {
    const workspaceId = await openLedger(here.handler, 10);
    const context = contextOf();
    const first = await debit(workspaceId, 3, context);
    const again = await debit(workspaceId, 3, { ...context, now: new Date(0).toISOString() });
    expect(again).toEqual({ ...first, replayed: true });
    expect(await eventsOf(workspaceId)).toHaveLength(3);
  });

  test("BILL-11: sent again to another process, which never saw it, gives the first answer too", async () => {
    const workspaceId = await openLedger(here.handler, 10);
    const context = contextOf();
    const first = await debit(workspaceId, 3, context);
    expect(await debit(workspaceId, 3, context, elsewhere)).toEqual({ ...first, replayed: true });
    expect(await debit(workspaceId, 3, context, backends.process())).toEqual({ ...first, replayed: true });
  });

  test("that another process has just carried out is a repetition, though the stream was not read since", async () => {
    const behind = backends.process({ isFollowing: false });
    const workspaceId = randomUUID();
    const input = { workspaceId, organizationId: randomUUID(), planType: "free" };
    await behind.handler.stateOf(creditLedger, workspaceId);
    const context = contextOf({ now: "2026-01-01T00:00:00.000Z" });
    await here.handler.handle(OpenLedger, input, context);
    const again = await behind.handler.handle(OpenLedger, input, { ...context, now: "2026-02-02T00:00:00.000Z" });
    expect(again).toMatchObject({ replayed: true });
    const { state } = await behind.handler.stateOf(creditLedger, workspaceId);
    expect(state).toMatchObject({ openedAt: "2026-01-01T00:00:00.000Z" });
  });

  test("with the key of another one is refused, and changes nothing", async () => {
    const workspaceId = await openLedger(here.handler, 10);
    const context = contextOf();
    await debit(workspaceId, 3, context);
    expect(await debit(workspaceId, 4, context)).toMatchObject({
      rejected: "unprocessable",
      code: "IDEMPOTENCY_KEY_REUSED",
    });
    const asAddition = { workspaceId, amount: 3, description: "row" };
    expect(await here.handler.handle(AddCredits, asAddition, context)).toMatchObject({
      code: "IDEMPOTENCY_KEY_REUSED",
    });
    expect(await balanceOf(workspaceId)).toBe(7);
  });

  test("that was refused is decided anew", async () => {
    const workspaceId = await openLedger(here.handler, 1);
    const context = contextOf();
    expect(await debit(workspaceId, 5, context)).toMatchObject({ code: "INSUFFICIENT_CREDITS" });
    await here.handler.handle(AddCredits, { workspaceId, amount: 10, description: "more" }, contextOf());
    expect(await debit(workspaceId, 5, context)).toMatchObject({ answer: { balance: 6 }, replayed: false });
  });

  test("is not refused for what another process has changed meanwhile", async () => {
    const workspaceId = await openLedger(here.handler, 1);
    await elsewhere.handler.handle(AddCredits, { workspaceId, amount: 10, description: "more" }, contextOf());
    expect(await debit(workspaceId, 5)).toMatchObject({ answer: { balance: 6 } });
  });

  test("FND-16: meant for an older revision is refused, and done when it names the present one", async () => {
    const workspaceId = await openLedger(here.handler, 10);
    expect(await debit(workspaceId, 1, { expectedRevision: 0n })).toMatchObject({
      rejected: "precondition",
      code: "REVISION_MISMATCH",
      details: { expected: 0, current: 1 },
    });
    const context = contextOf({ expectedRevision: 1n });
    expect(await debit(workspaceId, 1, context)).toMatchObject({ revision: 2n });
    expect(await debit(workspaceId, 1, context)).toMatchObject({ revision: 2n, replayed: true });
  });
});

describe("commands that wait for the same stream", () => {
  test("are written together, and each has its own result", async () => {
    const workspaceId = await openLedger(here.handler, 10);
    const twice = contextOf();
    const outcomes = await Promise.all([
      debit(workspaceId, 4),
      debit(workspaceId, 4),
      debit(workspaceId, 4),
      debit(workspaceId, 1, twice),
      debit(workspaceId, 1, twice),
      debit(workspaceId, 2, twice),
      debit(workspaceId, 1),
    ]);
    expect(outcomes.map((outcome) => (isRejection(outcome) ? outcome.code : outcome.answer.balance))).toEqual([
      6,
      2,
      "INSUFFICIENT_CREDITS",
      1,
      1,
      "IDEMPOTENCY_KEY_REUSED",
      0,
    ]);
    expect(outcomes.map((outcome) => "replayed" in outcome && outcome.replayed)).toEqual([
      false,
      false,
      false,
      false,
      true,
      false,
      false,
    ]);
    expect(await eventsOf(workspaceId)).toHaveLength(6);
  });

  test("do not suffer for one of them that has a bug", async () => {
    const Broken = command(creditLedger, {
      ...DebitCredits,
      name: "BreakDown",
      decide: () => {
        throw new Error("a bug");
      },
    });
    const workspaceId = await openLedger(here.handler, 10);
    const input = { workspaceId, amount: 1, description: "row" };
    const [before, broken, after] = await Promise.allSettled([
      debit(workspaceId, 1),
      here.handler.handle(Broken, input, contextOf()),
      debit(workspaceId, 1),
    ]);
    expect(broken).toMatchObject({ status: "rejected", reason: { message: "a bug" } });
    expect([before, after]).toMatchObject([
      { value: { answer: { balance: 9 } } },
      { value: { answer: { balance: 8 } } },
    ]);
  });

  test("go into several appends when they are more than one append may hold", async () => {
    const process = backends.process({ limits: { batchBytesMax: 20_000, batchCommandsMax: 40 } });
    const workspaceId = await openLedger(process.handler, 1_000);
    await Promise.all(Array.from({ length: 200 }, () => debit(workspaceId, 1, {}, process)));
    expect(await balanceOf(workspaceId)).toBe(800);
  });

  test("are bounded: beyond that they are told that it is too much", async () => {
    const process = backends.process({ limits: { waitingMax: 5 } });
    const workspaceId = await openLedger(process.handler, 100);
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => debit(workspaceId, 1, {}, process)));
    const refused = outcomes.filter((outcome) => isRejection(outcome));
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused.map((outcome) => "code" in outcome && outcome.code))).toEqual(new Set(["OVERLOADED"]));
    expect(await balanceOf(workspaceId)).toBe(100 - (outcomes.length - refused.length));
  });
});

describe("a state", () => {
  test("holds own writes at once and those of others as soon as they are there", async () => {
    const workspaceId = await openLedger(here.handler, 10);
    await debit(workspaceId, 1);
    expect(await balanceOf(workspaceId)).toBe(9);
    expect(await balanceOf(workspaceId, elsewhere)).toBe(9);
    await debit(workspaceId, 1, {}, elsewhere);
    await expect.poll(() => balanceOf(workspaceId)).toBe(8);
  });

  test("of what does not exist is the initial one", async () => {
    const nothing = { state: { status: "unopened" }, revision: -1n, position: -1n };
    expect(await here.handler.stateOf(creditLedger, randomUUID())).toEqual(nothing);
  });

  test("is let go when there are too many, and read again when it is asked for", async () => {
    const process = backends.process({ limits: { lanesMax: 2 } });
    const ledgers = await Promise.all([1, 2, 3, 4, 5].map((credits) => openLedger(process.handler, credits)));
    expect(await Promise.all(ledgers.map((id) => balanceOf(id, process)))).toEqual([1, 2, 3, 4, 5]);
  });
});

test("two processes' chains are one: every event links to the one before it", async () => {
  const workspaceId = await openLedger(here.handler, 100);
  for (const process of [here, elsewhere, here, elsewhere, elsewhere]) await debit(workspaceId, 1, {}, process);
  const verdict = await verifyChain(workspaceId, await eventsOf(workspaceId));
  expect(verdict).toMatchObject({ isIntact: true, revision: 6n });
});

test("a command that changes nothing is answered without being written", async () => {
  const Touch = command(creditLedger, {
    name: "Touch",
    permission: "none",
    input: z.object({ workspaceId: z.uuid() }),
    output: z.number(),
    stream: ({ workspaceId }) => workspaceId,
    decide: () => [],
    answer: ({ state }) => (state.status === "open" ? state.balance : 0),
  });
  const workspaceId = await openLedger(here.handler, 5);
  const context = contextOf();
  for (const _ of [1, 2])
    expect(await here.handler.handle(Touch, { workspaceId }, context)).toMatchObject({
      answer: 5,
      revision: 1n,
      replayed: false,
    });
  expect(await eventsOf(workspaceId)).toHaveLength(2);
});
