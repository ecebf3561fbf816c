import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DebitCredits } from "../../../src/commands/credits/debits.ts";
import { AddCredits } from "../../../src/commands/credits/grants.ts";
import { PlaceHold } from "../../../src/commands/credits/holds.ts";
import { OpenLedger } from "../../../src/commands/credits/opening.ts";
import type { Handler } from "../../../src/commands/handler.ts";
import { creditLedger } from "../../../src/domain/credits/creditLedger.ts";
import { startEventStore } from "../../../src/embedded/eventStore.ts";
import { rechargeSide } from "../../reactions/rechargeSide.ts";
import { testDatabase } from "../../support/database.ts";
import { contextOf } from "../writeSide.ts";

const stack = new AsyncDisposableStack();
let handler: Handler;
beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), "everfold-catch-up-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const [eventStore, database] = await Promise.all([startEventStore({ directory }), testDatabase()]);
  stack.defer(() => Promise.all([eventStore.stop(), database.drop()]).then(() => undefined));
  ({ handler } = rechargeSide({ eventStore: eventStore.url, database: database.url }, stack));
});
afterAll(() => stack.disposeAsync());

const holds = 1_000;
const tomorrow = () => contextOf({ now: new Date(Date.now() + 86_400_000).toISOString() });

/** All its credits are held, and tomorrow none of them. */
const behind = async () => {
  const workspaceId = randomUUID();
  await handler.handle(OpenLedger, { workspaceId, organizationId: randomUUID(), planType: "free" }, contextOf());
  await handler.handle(AddCredits, { workspaceId, amount: holds, description: "Top-up" }, contextOf());
  const hold = () => ({ workspaceId, holdId: randomUUID(), amount: 1, description: "Run", timeoutSeconds: 1 });
  const items = Array.from({ length: holds }, () => ({ input: hold(), context: contextOf() }));
  await handler.handleAll(PlaceHold, items, { atomic: false });
  const debit = (amount: number) => ({ workspaceId, amount, description: "Run" });
  const stands = async () => (await handler.stateOf(creditLedger, workspaceId)).state;
  return { debit, stands };
};

test("whoever meets a ledger behind has it caught up, however many come at once, and is answered", async () => {
  const { debit, stands } = await behind();
  const debits = Array.from({ length: 20 }, () => handler.handle(DebitCredits, debit(50), tomorrow()));
  const left = (await Promise.all(debits)).map((outcome) => "answer" in outcome && outcome.answer.balance);
  expect(left.toSorted((a, b) => Number(b) - Number(a))).toEqual(left.map((_, index) => holds - 50 * (index + 1)));
  expect(await stands()).toMatchObject({ held: 0, free: 0 });
});

test.each([true, false])("so has a group of commands, atomic or not: %s", async (atomic) => {
  const { debit, stands } = await behind();
  const items = [400, 600].map((amount) => ({ input: debit(amount), context: tomorrow() }));
  const outcomes = await handler.handleAll(DebitCredits, items, { atomic });
  expect(outcomes).toMatchObject([600, 0].map((balance) => ({ replayed: false, answer: { balance } })));
  expect(await stands()).toMatchObject({ held: 0, free: 0 });
});

test("a dry run has nothing written, and is told that it has to wait", async () => {
  const { debit, stands } = await behind();
  const tried = await handler.handle(DebitCredits, debit(1), { ...tomorrow(), dryRun: true });
  expect(tried).toMatchObject({ rejected: "limited", code: "LEDGER_CATCHING_UP" });
  expect(await stands()).toMatchObject({ held: holds });
});
