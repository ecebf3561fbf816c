import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AddCredits } from "../../src/commands/credits/grants.ts";
import { PlaceHold } from "../../src/commands/credits/holds.ts";
import { OpenLedger } from "../../src/commands/credits/opening.ts";
import { creditLedger } from "../../src/domain/credits/creditLedger.ts";
import { opened } from "../../src/domain/credits/unfolding.ts";
import { startEventStore } from "../../src/embedded/eventStore.ts";
import { keepLedgersUp } from "../../src/reactions/ledgerUpkeep.ts";
import { contextOf } from "../commands/writeSide.ts";
import { log } from "../projections/jars.ts";
import { until } from "../projections/readSide.ts";
import { testDatabase } from "../support/database.ts";
import { rechargeSide } from "./rechargeSide.ts";

const backends = new AsyncDisposableStack();
let handler: ReturnType<typeof rechargeSide>["handler"];
beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), "everfold-upkeep-"));
  backends.defer(() => rm(directory, { recursive: true, force: true }));
  const [eventStore, database] = await Promise.all([startEventStore({ directory }), testDatabase()]);
  backends.defer(() => Promise.all([eventStore.stop(), database.drop()]).then(() => undefined));
  ({ handler } = rechargeSide({ eventStore: eventStore.url, database: database.url }, backends));
});
afterAll(() => backends.disposeAsync());

const holding = async (holds: number): Promise<string> => {
  const workspaceId = randomUUID();
  await handler.handle(OpenLedger, { workspaceId, organizationId: randomUUID(), planType: "free" }, contextOf());
  await handler.handle(AddCredits, { workspaceId, amount: holds, description: "Top-up" }, contextOf());
  const hold = () => ({ workspaceId, holdId: randomUUID(), amount: 1, description: "Run", timeoutSeconds: 1 });
  const items = Array.from({ length: holds }, () => ({ input: hold(), context: contextOf() }));
  await handler.handleAll(PlaceHold, items, { atomic: false });
  return workspaceId;
};

const held = async (workspaceId: string) => opened((await handler.stateOf(creditLedger, workspaceId)).state).held;

test("ledgers that stay due, as many as there may be, take nobody's turn", async () => {
  const workspaceId = await holding(3);
  const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString();
  const stuck = Array.from({ length: 500 }, () => randomUUID());
  const dueLedgers = async (_: string, limit: number, after: string | null) =>
    after === null ? stuck.slice(0, limit) : [workspaceId];
  const { stop } = keepLedgersUp({ handler, dueLedgers, now: tomorrow, log });
  await until(async () => (await held(workspaceId)) === 0).finally(stop);
});

test("more than fits into an append is written all the same, and a ledger there is not holds up no other", async () => {
  const workspaceId = await holding(1_000);
  expect(await held(workspaceId)).toBe(1_000);
  const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString();
  const dueLedgers = async () => [randomUUID(), workspaceId];
  const { stop, problem } = keepLedgersUp({ handler, dueLedgers, now: tomorrow, log });
  await until(async () => (await held(workspaceId)) === 0 && problem() !== null).finally(stop);
});
