import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AddCredits } from "../../src/commands/credits/grants.ts";
import { OpenLedger } from "../../src/commands/credits/opening.ts";
import { refund } from "../../src/commands/credits/refunds.ts";
import { transfer } from "../../src/commands/credits/transfers.ts";
import type { Handler } from "../../src/commands/handler.ts";
import { balanceMax } from "../../src/domain/credits/amounts.ts";
import { creditLedger } from "../../src/domain/credits/creditLedger.ts";
import { opened } from "../../src/domain/credits/unfolding.ts";
import { startEventStore } from "../../src/embedded/eventStore.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
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
  const directory = await mkdtemp(join(tmpdir(), "everfold-transfers-"));
  backends.defer(() => rm(directory, { recursive: true, force: true }));
  const [eventStore, database] = await Promise.all([startEventStore({ directory }), testDatabase()]);
  backends.defer(() => Promise.all([eventStore.stop(), database.drop()]).then(() => undefined));
  side = rechargeSide({ eventStore: eventStore.url, database: database.url }, backends);
});
afterAll(() => backends.disposeAsync());

const newLedger = async (credits: number): Promise<string> => {
  const workspaceId = randomUUID();
  await side.handler.handle(OpenLedger, { workspaceId, organizationId, planType: "free" }, contextOf());
  if (credits > 0)
    await side.handler.handle(AddCredits, { workspaceId, amount: credits, description: "Top-up" }, contextOf());
  return workspaceId;
};

const ledger = async (id: string) => opened((await side.handler.stateOf(creditLedger, id)).state);
const posted = async (id: string) => (await ledger(id)).free;
const eventsOf = async (id: string) =>
  (await Array.fromAsync(side.handler.history(creditLedger, id))).map((e) => e.type);

const sending = (workspaceId: string, toWorkspaceId: string, amount: number) => ({
  ...{ workspaceId, toWorkspaceId, amount, description: "Share" },
});

/** The process dies when it is about to send its `n`-th command. */
const dyingAt = (n: number): Handler => {
  let sent = 0;
  const handle: Handler["handle"] = (command, input, context) => {
    sent += 1;
    if (sent >= n) throw new Error("killed");
    return side.handler.handle(command, input, context);
  };
  return { ...side.handler, handle };
};

const transferring = (handler: Handler) => transfer({ handler, mayReceive: async () => ({ organizationId }) });
const within = () => ({ ...contextOf(), organizationId });

const reacting = () => {
  const reactions = [transferCompletion({ handler: side.handler, now })];
  const runner = runReactions({ groups: side.store.groups, codec: side.codec, log, reactions, attemptsMax: 2 });
  return { [Symbol.asyncDispose]: () => runner.stop() };
};

test.each([
  ["sent", 2],
  ["received", 3],
])("a transfer that was %s when its process died arrives once and is noted", async (_, dying) => {
  const [from, to] = [await newLedger(100), await newLedger(7)];
  await expect(transferring(dyingAt(dying)).execute(sending(from, to, 40), within())).rejects.toThrow("killed");
  expect((await ledger(from)).transfers).toHaveLength(1);
  await using _reacting = reacting();
  await until(async () => (await ledger(from)).transfers.length === 0);
  expect([await posted(from), await posted(to)]).toEqual([60, 47]);
  expect(await eventsOf(to)).toEqual(["LedgerOpened", "CreditsPurchased", "TransferReceived"]);
});

test("whoever was killed sends it again under its key, and is told what became of it", async () => {
  const [from, to] = [await newLedger(100), await newLedger(0)];
  const context = within();
  await expect(transferring(dyingAt(2)).execute(sending(from, to, 40), context)).rejects.toThrow("killed");
  const again = await transferring(side.handler).execute(sending(from, to, 40), context);
  expect(again).toMatchObject({ replayed: true, answer: { balance: 60, transaction: { type: "transfer_out" } } });
  expect([await posted(from), await posted(to)]).toEqual([60, 40]);
});

test("many at once, back and forth, with the reaction at their heels: nothing is lost or doubled", async () => {
  await using _reacting = reacting();
  const [one, other] = [await newLedger(500), await newLedger(500)];
  const { execute } = transferring(side.handler);
  const outcomes = await Promise.all(
    Array.from({ length: 60 }, (_, index) =>
      execute(index % 2 ? sending(one, other, 10 + index) : sending(other, one, 10 + index), within()),
    ),
  );
  expect(outcomes.filter((outcome) => !isRejection(outcome)).length).toBeGreaterThan(0);
  await until(async () => (await ledger(one)).transfers.length + (await ledger(other)).transfers.length === 0);
  expect((await posted(one)) + (await posted(other))).toBe(1_000);
});

test("what the other ledger cannot take comes back", async () => {
  const [from, to] = [await newLedger(100), await newLedger(balanceMax)];
  expect(await transferring(side.handler).execute(sending(from, to, 40), within())).toMatchObject({
    ...{ rejected: "conflict", code: "TRANSFER_REFUSED", details: { reason: "BALANCE_LIMIT_EXCEEDED" } },
  });
  expect([await posted(from), await posted(to)]).toEqual([100, balanceMax]);
});

test("a transfer can be no refund: only debits and captures of this very ledger are found", async () => {
  const [from, to] = [await newLedger(100), await newLedger(0)];
  await transferring(side.handler).execute(sending(from, to, 40), within());
  const history = await Array.fromAsync(side.handler.history(creditLedger, from));
  const refunding = refund({ handler: side.handler });
  for (const { id } of history)
    expect(
      await refunding.execute({ workspaceId: from, transactionId: id, description: "Back" }, within()),
    ).toMatchObject({ rejected: "missing", code: "TRANSACTION_NOT_FOUND" });
});
