import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { verifyChain } from "../../src/eventstore/chain.ts";
import { command } from "../../src/kernel/decider.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { FillPurse, purse, TakeCoins } from "./purse.ts";
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

const take = (purseId: string, coins: number, over = {}, process = here) =>
  process.handler.handle(TakeCoins, { purseId, coins }, contextOf(over));

const eventsOf = (purseId: string) => Array.fromAsync(here.store.read(`purse-${purseId}`));

describe("a command", () => {
  test("is written with who asked, when, why and in which version", async () => {
    const purseId = await openPurse(here.handler, 10);
    const [organizationId, workspaceId, sessionId] = [randomUUID(), randomUUID(), randomUUID()];
    const context = contextOf({ organizationId, workspaceId, sessionId });
    const accepted = await here.handler.handle(TakeCoins, { purseId, coins: 3 }, context);
    expect(accepted).toMatchObject({ answer: { left: 7 }, revision: 1n, replayed: false });

    const [, event] = await eventsOf(purseId);
    expect(event?.metadata).toMatchObject({
      $correlationId: context.requestId,
      $causationId: context.causationId,
      commandId: context.commandId,
      actor: context.actor,
      orgId: organizationId,
      workspaceId,
      sessionId,
      schemaVersion: 1,
      occurredAt: context.now,
    });
  });

  test("ES-02: is written without the address and the browser of its caller in clear", async () => {
    const purseId = await openPurse(here.handler, 10);
    await take(purseId, 1, { ip: "203.0.113.99", userAgent: "a rare browser" });
    const stored = (await eventsOf(purseId)).map(({ metadata }) => JSON.stringify(metadata)).join();
    expect(stored).not.toContain("203.0.113.99");
    expect(stored).not.toContain("a rare browser");
  });

  test("BILL-11: sent again gives the first answer again and writes nothing", async () => {
    const purseId = await openPurse(here.handler, 10);
    const context = contextOf();
    const first = await take(purseId, 3, context);
    const again = await take(purseId, 3, { ...context, now: new Date(0).toISOString() });
    expect(again).toEqual({ ...first, replayed: true });
    expect(await eventsOf(purseId)).toHaveLength(2);
  });

  test("BILL-11: sent again to another process, which never saw it, gives the first answer too", async () => {
    const purseId = await openPurse(here.handler, 10);
    const context = contextOf();
    const first = await take(purseId, 3, context);
    expect(await take(purseId, 3, context, elsewhere)).toEqual({ ...first, replayed: true });
    expect(await take(purseId, 3, context, backends.process())).toEqual({ ...first, replayed: true });
  });

  test("that another process has just carried out is a repetition, though the stream was not read since", async () => {
    const behind = backends.process({ isFollowing: false });
    const purseId = randomUUID();
    await behind.handler.stateOf(purse, purseId);
    const context = contextOf({ now: "2026-01-01T00:00:00.000Z" });
    const input = { purseId, coins: 5 };
    await here.handler.handle(FillPurse, input, context);
    const again = await behind.handler.handle(FillPurse, input, { ...context, now: "2026-02-02T00:00:00.000Z" });
    expect(again).toMatchObject({ replayed: true });
    const { state } = await behind.handler.stateOf(purse, purseId);
    expect(state).toEqual({ coins: 5, filledAt: "2026-01-01T00:00:00.000Z" });
  });

  test("with the key of another one is refused, and changes nothing", async () => {
    const purseId = await openPurse(here.handler, 10);
    const context = contextOf();
    await take(purseId, 3, context);
    expect(await take(purseId, 4, context)).toMatchObject({
      rejected: "unprocessable",
      code: "IDEMPOTENCY_KEY_REUSED",
    });
    expect(await here.handler.handle(FillPurse, { purseId, coins: 3 }, context)).toMatchObject({
      code: "IDEMPOTENCY_KEY_REUSED",
    });
    expect(await coinsIn(here.handler, purseId)).toBe(7);
  });

  test("that was refused is decided anew", async () => {
    const purseId = await openPurse(here.handler, 1);
    const context = contextOf();
    expect(await take(purseId, 5, context)).toMatchObject({ code: "TOO_FEW_COINS" });
    await here.handler.handle(FillPurse, { purseId, coins: 10 }, contextOf());
    expect(await take(purseId, 5, context)).toMatchObject({ answer: { left: 6 }, replayed: false });
  });

  test("is not refused for what another process has changed meanwhile", async () => {
    const purseId = await openPurse(here.handler, 1);
    await elsewhere.handler.handle(FillPurse, { purseId, coins: 10 }, contextOf());
    expect(await take(purseId, 5)).toMatchObject({ answer: { left: 6 } });
  });

  test("FND-16: meant for an older revision is refused, and done when it names the present one", async () => {
    const purseId = await openPurse(here.handler, 10);
    expect(await take(purseId, 1, { expectedRevision: -1n })).toMatchObject({
      rejected: "precondition",
      code: "REVISION_MISMATCH",
      details: { expected: -1, current: 0 },
    });
    const context = contextOf({ expectedRevision: 0n });
    expect(await take(purseId, 1, context)).toMatchObject({ revision: 1n });
    expect(await take(purseId, 1, context)).toMatchObject({ revision: 1n, replayed: true });
  });
});

describe("commands that wait for the same stream", () => {
  test("are written together, and each has its own result", async () => {
    const purseId = await openPurse(here.handler, 10);
    const twice = contextOf();
    const outcomes = await Promise.all([
      take(purseId, 4),
      take(purseId, 4),
      take(purseId, 4),
      take(purseId, 1, twice),
      take(purseId, 1, twice),
      take(purseId, 2, twice),
      take(purseId, 1),
    ]);
    expect(outcomes.map((outcome) => (isRejection(outcome) ? outcome.code : outcome.answer.left))).toEqual([
      6,
      2,
      "TOO_FEW_COINS",
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
    expect(await eventsOf(purseId)).toHaveLength(6);
  });

  test("do not suffer for one of them that has a bug", async () => {
    const Broken: typeof TakeCoins = {
      ...TakeCoins,
      name: "BreakDown",
      decide: () => {
        throw new Error("a bug");
      },
    };
    const purseId = await openPurse(here.handler, 10);
    const input = { purseId, coins: 1 };
    const [before, broken, after] = await Promise.allSettled([
      take(purseId, 1),
      here.handler.handle(Broken, input, contextOf()),
      take(purseId, 1),
    ]);
    expect(broken).toMatchObject({ status: "rejected", reason: { message: "a bug" } });
    expect([before, after]).toMatchObject([{ value: { answer: { left: 9 } } }, { value: { answer: { left: 8 } } }]);
  });

  test("go into several appends when they are more than one append may hold", async () => {
    const process = backends.process({ limits: { batchBytesMax: 20_000, batchCommandsMax: 40 } });
    const purseId = await openPurse(process.handler, 1_000);
    await Promise.all(Array.from({ length: 200 }, () => take(purseId, 1, {}, process)));
    expect(await coinsIn(here.handler, purseId)).toBe(800);
  });

  test("are bounded: beyond that they are told that it is too much", async () => {
    const process = backends.process({ limits: { waitingMax: 5 } });
    const purseId = await openPurse(process.handler, 100);
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => take(purseId, 1, {}, process)));
    const refused = outcomes.filter((outcome) => isRejection(outcome));
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused.map((outcome) => "code" in outcome && outcome.code))).toEqual(new Set(["OVERLOADED"]));
    expect(await coinsIn(here.handler, purseId)).toBe(100 - (outcomes.length - refused.length));
  });
});

describe("a state", () => {
  test("holds own writes at once and those of others as soon as they are there", async () => {
    const purseId = await openPurse(here.handler, 10);
    await take(purseId, 1);
    expect(await coinsIn(here.handler, purseId)).toBe(9);
    expect(await coinsIn(elsewhere.handler, purseId)).toBe(9);
    await take(purseId, 1, {}, elsewhere);
    await expect.poll(() => coinsIn(here.handler, purseId)).toBe(8);
  });

  test("of what does not exist is the initial one", async () => {
    const nothing = { state: purse.initial, revision: -1n, position: -1n };
    expect(await here.handler.stateOf(purse, randomUUID())).toEqual(nothing);
  });

  test("is let go when there are too many, and read again when it is asked for", async () => {
    const process = backends.process({ limits: { lanesMax: 2 } });
    const ledgers = await Promise.all([1, 2, 3, 4, 5].map((credits) => openPurse(process.handler, credits)));
    expect(await Promise.all(ledgers.map((id) => coinsIn(process.handler, id)))).toEqual([1, 2, 3, 4, 5]);
  });
});

test("two processes' chains are one: every event links to the one before it", async () => {
  const purseId = await openPurse(here.handler, 100);
  for (const process of [here, elsewhere, here, elsewhere, elsewhere]) await take(purseId, 1, {}, process);
  const verdict = await verifyChain(purseId, await eventsOf(purseId));
  expect(verdict).toMatchObject({ isIntact: true, revision: 5n });
});

test("a command that changes nothing is answered without being written", async () => {
  const Touch = command(purse, {
    name: "Touch",
    permission: "none",
    input: z.object({ purseId: z.uuid() }),
    output: z.string(),
    stream: ({ purseId }) => purseId,
    decide: () => [],
    answer: ({ input: { purseId }, facts: { now } }) => `${purseId} at ${now}`,
  });
  const purseId = await openPurse(here.handler, 5);
  const context = contextOf();
  for (const _ of [1, 2])
    expect(await here.handler.handle(Touch, { purseId }, context)).toMatchObject({
      answer: `${purseId} at ${context.now}`,
      revision: 0n,
      replayed: false,
    });
  expect(await eventsOf(purseId)).toHaveLength(1);
});
