import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AddCredits } from "../../src/commands/credits/grants.ts";
import { PlaceHold } from "../../src/commands/credits/holds.ts";
import { OpenLedger } from "../../src/commands/credits/opening.ts";
import { ConfigureAutoRecharge } from "../../src/commands/credits/recharge.ts";
import { SendTransfer } from "../../src/commands/credits/transfers.ts";
import { CreateWorkspace, DeleteWorkspace } from "../../src/commands/workspaces.ts";
import { creditLedger } from "../../src/domain/credits/creditLedger.ts";
import { opened } from "../../src/domain/credits/unfolding.ts";
import { startEventStore } from "../../src/embedded/eventStore.ts";
import { ledgerClosure } from "../../src/reactions/ledgerClosure.ts";
import type { Reaction } from "../../src/reactions/reaction.ts";
import { runReactions } from "../../src/reactions/runner.ts";
import { transferCompletion } from "../../src/reactions/transferCompletion.ts";
import { contextOf } from "../commands/writeSide.ts";
import { log } from "../projections/jars.ts";
import { until } from "../projections/readSide.ts";
import { testDatabase } from "../support/database.ts";
import { rechargeSide } from "./rechargeSide.ts";

const now = () => new Date().toISOString();
const organizationId = randomUUID();
const backends = new AsyncDisposableStack();
let side: ReturnType<typeof rechargeSide>;
beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), "everfold-closure-"));
  backends.defer(() => rm(directory, { recursive: true, force: true }));
  const [eventStore, database] = await Promise.all([startEventStore({ directory }), testDatabase()]);
  backends.defer(() => Promise.all([eventStore.stop(), database.drop()]).then(() => undefined));
  side = rechargeSide({ eventStore: eventStore.url, database: database.url }, backends);
});
afterAll(() => backends.disposeAsync());

const newWorkspace = async (credits: number): Promise<string> => {
  const workspaceId = randomUUID();
  const created = { workspaceId, organizationId, planType: "free" as const };
  await side.handler.handle(OpenLedger, created, contextOf());
  await side.handler.handle(
    CreateWorkspace,
    { ...created, name: "Wonderland", slug: `w-${workspaceId}`, ownerId: randomUUID() },
    contextOf(),
  );
  await side.handler.handle(AddCredits, { workspaceId, amount: credits, description: "Top-up" }, contextOf());
  return workspaceId;
};
const remove = (workspaceId: string) => side.handler.handle(DeleteWorkspace, { workspaceId }, contextOf());
const ledger = async (id: string) => opened((await side.handler.stateOf(creditLedger, id)).state);
const reacting = (...reactions: Reaction[]) => {
  const runner = runReactions({ groups: side.store.groups, codec: side.codec, log, reactions, attemptsMax: 2 });
  return { status: runner.status, [Symbol.asyncDispose]: () => runner.stop() };
};

test("the ledger of a deleted workspace is closed once, and asks for no recharge any more", async () => {
  const workspaceId = await newWorkspace(100);
  const recharging = { workspaceId, enabled: true, threshold: 50, amount: 100 };
  await side.handler.handle(ConfigureAutoRecharge, recharging, contextOf());
  await remove(workspaceId);
  await using runner = reacting(ledgerClosure({ handler: side.handler, now }));
  await until(async () => (await ledger(workspaceId)).isClosed);
  await side.store.groups.restart("ledger_closure");
  const another = await newWorkspace(1);
  await remove(another);
  await until(async () => (await ledger(another)).isClosed);
  const history = await Array.fromAsync(side.handler.history(creditLedger, workspaceId));
  expect(history.filter(({ type }) => type === "LedgerClosed")).toHaveLength(1);
  expect((await ledger(workspaceId)).recharge.isEnabled).toBe(false);
  expect(runner.status().parked).toBe(0);
});

test("what was held in a deleted workspace is given back at once: nobody can reach its holds any more", async () => {
  const workspaceId = await newWorkspace(300);
  const holds = Array.from({ length: 250 }, () => randomUUID());
  const placing = { workspaceId, amount: 1, description: "Run", timeoutSeconds: 30 * 86_400 };
  await Promise.all(holds.map((holdId) => side.handler.handle(PlaceHold, { ...placing, holdId }, contextOf())));
  expect(await ledger(workspaceId)).toMatchObject({ free: 50, held: 250 });
  await remove(workspaceId);
  await using runner = reacting(ledgerClosure({ handler: side.handler, now }));
  await until(async () => (await ledger(workspaceId)).held === 0);
  expect(await ledger(workspaceId)).toMatchObject({ isClosed: true, free: 300, holds: [] });
  const history = await Array.fromAsync(side.handler.history(creditLedger, workspaceId));
  const types = history.map(({ type }) => type);
  expect(types.slice(types.indexOf("LedgerClosed") + 1)).toEqual(holds.map(() => "HoldReleased"));
  await side.store.groups.restart("ledger_closure");
  const another = await newWorkspace(1);
  await remove(another);
  await until(async () => (await ledger(another)).isClosed);
  expect(await Array.fromAsync(side.handler.history(creditLedger, workspaceId))).toHaveLength(history.length);
  expect(runner.status().parked).toBe(0);
});

test("what is on its way to a deleted workspace comes back, though nobody has closed its ledger yet", async () => {
  const [from, to] = [await newWorkspace(100), await newWorkspace(7)];
  const transferId = randomUUID();
  const sending = { workspaceId: from, toWorkspaceId: to, transferId, amount: 40, description: "Share" };
  await side.handler.handle(SendTransfer, sending, contextOf());
  await remove(to);
  await using _reacting = reacting(transferCompletion({ handler: side.handler, now }));
  await until(async () => (await ledger(from)).transfers.length === 0);
  expect([(await ledger(from)).free, (await ledger(to)).free]).toEqual([100, 7]);
  const [refused] = (await Array.fromAsync(side.handler.history(creditLedger, to))).filter(
    ({ type }) => type === "TransferRefused",
  );
  expect(refused?.data).toMatchObject({ transferId, reason: "LEDGER_CLOSED" });
});
