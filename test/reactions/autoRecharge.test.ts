import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AddCredits } from "../../src/commands/credits/grants.ts";
import { OpenLedger } from "../../src/commands/credits/opening.ts";
import { ConfigureAutoRecharge } from "../../src/commands/credits/recharge.ts";
import { creditLedger } from "../../src/domain/credits/creditLedger.ts";
import { startEventStore } from "../../src/embedded/eventStore.ts";
import { reject } from "../../src/kernel/rejection.ts";
import { verifySignature } from "../../src/platform/payments/signature.ts";
import { contextOf } from "../commands/writeSide.ts";
import { json, paymentEndpoint, type Reply } from "../platform/payments/paymentEndpoint.ts";
import { until } from "../projections/readSide.ts";
import { testDatabase } from "../support/database.ts";
import { paymentSecret, rechargeSide, recharging } from "./rechargeSide.ts";

const backends = new AsyncDisposableStack();
const urls = { eventStore: "", database: "" };
let side: ReturnType<typeof rechargeSide>;
beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), "everfold-recharge-"));
  backends.defer(() => rm(directory, { recursive: true, force: true }));
  const [eventStore, database] = await Promise.all([startEventStore({ directory }), testDatabase()]);
  backends.defer(() => Promise.all([eventStore.stop(), database.drop()]).then(() => undefined));
  Object.assign(urls, { eventStore: eventStore.url, database: database.url });
  side = rechargeSide(urls, backends);
});
afterAll(() => backends.disposeAsync());

type Decide = (charge: number) => { outcome: "accepted"; reference: string } | { outcome: "declined"; reason: string };
const accepting: Decide = (charge) => ({ outcome: "accepted", reference: `charge-${charge}` });
const declining: Decide = () => ({ outcome: "declined", reason: "the card has expired" });

/** An endpoint as docs/payments.md wants it: what it once answered to a key, it answers to that key for ever. */
const honestEndpoint = async (decide: Decide, interrupt: (reply: () => void) => void = (reply) => reply()) => {
  const book = new Map<string, ReturnType<Decide>>();
  const reply: Reply = (response, call) => {
    const signature = String(call.headers["everfold-signature"]);
    if (!verifySignature(signature, call.body, { secret: paymentSecret, now: Date.now() }))
      return json(401, {})(response, call);
    const { rechargeId } = JSON.parse(call.body);
    const outcome = book.get(rechargeId) ?? decide(book.size + 1);
    book.set(rechargeId, outcome);
    interrupt(() => json(200, outcome)(response, call));
  };
  return { ...(await paymentEndpoint([reply])), book };
};

/** A ledger that is low, and so asks for a recharge of 500 at once. */
const lowLedger = async (now: string): Promise<string> => {
  const workspaceId = randomUUID();
  const input = { workspaceId, organizationId: randomUUID(), planType: "free" } as const;
  await side.handler.handle(OpenLedger, input, contextOf({ now }));
  const settings = { workspaceId, enabled: true, threshold: 100, amount: 500, coolOffSeconds: 0 };
  await side.handler.handle(ConfigureAutoRecharge, settings, contextOf({ now }));
  return workspaceId;
};

const eventsOf = (workspaceId: string) => Array.fromAsync(side.handler.history(creditLedger, workspaceId));
const typesOf = async (workspaceId: string): Promise<string[]> =>
  (await eventsOf(workspaceId)).map(({ type }) => type).filter((type) => /Recharge/.test(type));
const isCredited = async (workspaceId: string) => (await typesOf(workspaceId)).includes("CreditsRecharged");
const creditedOnce = ["AutoRechargeConfigured", "RechargeRequested", "CreditsRecharged"];

const start = "2026-03-01T09:00:00.000Z";
const minutesLater = (minutes: number) => new Date(Date.parse(start) + minutes * 60_000).toISOString();

test("BILL-06: what the provider accepts is credited, with its reference", async () => {
  await using endpoint = await honestEndpoint(accepting);
  await using stack = new AsyncDisposableStack();
  const workspaceId = await lowLedger(start);
  recharging(side, { url: endpoint.url, now: () => minutesLater(1) }, stack);
  await until(() => isCredited(workspaceId));
  const events = await eventsOf(workspaceId);
  const [requested, recharged] = events.slice(-2);
  expect(recharged).toMatchObject({
    type: "CreditsRecharged",
    data: { amount: 500, referenceId: "charge-1", after: { posted: 500, held: 0, available: 500 } },
    metadata: {
      $causationId: requested?.id,
      $correlationId: requested?.metadata.$correlationId,
      actor: { kind: "system", id: null },
      occurredAt: minutesLater(1),
      workspaceId,
    },
  });
  expect(endpoint.received.map(({ body }) => JSON.parse(body))).toEqual([
    { rechargeId: expect.any(String), workspaceId, organizationId: expect.any(String), amount: 500 },
  ]);
});

const killed = async (child: ChildProcess): Promise<void> => {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
};
const processAt = (url: string, point: string, stack: AsyncDisposableStack): ChildProcess => {
  const process = new URL("./rechargingProcess.ts", import.meta.url);
  const child = fork(process, [urls.eventStore, urls.database, url, point]);
  stack.defer(() => void child.kill("SIGKILL"));
  return child;
};

test.each(["before the charge", "between charge and settlement", "after the settlement"])(
  "BILL-06: killed %s, a recharge is charged once and credited once",
  async (point) => {
    await using endpoint = await honestEndpoint(accepting);
    await using stack = new AsyncDisposableStack();
    const workspaceId = await lowLedger(start);
    const child = processAt(endpoint.url, point, stack);
    expect(await once(child, "message")).toContain(point);
    await killed(child);
    expect(endpoint.book.size).toBe(point === "before the charge" ? 0 : 1);

    const runner = recharging(side, { url: endpoint.url }, stack);
    await until(() => isCredited(workspaceId));
    await nothingInHand();
    expect(await typesOf(workspaceId)).toEqual(creditedOnce);
    expect(endpoint.book.size).toBe(1);
    expect(runner.status().parked).toBe(0);
  },
);

/** All that was handed out is answered, whoever it was handed to. */
const nothingInHand = () =>
  until(async () => {
    const standings = await side.store.groups.list();
    return standings.some(({ name, inHand }) => name === "auto_recharge" && inHand === 0);
  });

test("BILL-06: killed while the provider charges, again and again, every recharge comes once", async () => {
  const charged = new EventTarget();
  let silent = true;
  // It charges, and its answer finds nobody: the worst moment there is.
  await using endpoint = await honestEndpoint(accepting, (reply) => {
    charged.dispatchEvent(new Event("charged"));
    if (!silent || Math.random() < 0.5) reply();
  });
  await using stack = new AsyncDisposableStack();
  const ledgers = await Promise.all(Array.from({ length: 12 }, () => lowLedger(start)));
  for (let round = 0; round < 4; round += 1) {
    const isCharging = once(charged, "charged");
    const child = processAt(endpoint.url, "the end", stack);
    await isCharging;
    await killed(child);
  }
  silent = false;
  recharging(side, { url: endpoint.url }, stack);
  for (const workspaceId of ledgers) await until(() => isCredited(workspaceId));
  await nothingInHand();
  expect(await Promise.all(ledgers.map(typesOf))).toEqual(ledgers.map(() => creditedOnce));
  expect(endpoint.book.size).toBe(ledgers.length);
});

test("two processes that recharge charge and credit once", async () => {
  await using endpoint = await honestEndpoint(accepting);
  await using stack = new AsyncDisposableStack();
  const other = rechargeSide(urls, stack);
  recharging(side, { url: endpoint.url }, stack);
  recharging(other, { url: endpoint.url }, stack);
  const ledgers = await Promise.all(Array.from({ length: 10 }, () => lowLedger(start)));
  for (const workspaceId of ledgers) await until(() => isCredited(workspaceId));
  expect(await Promise.all(ledgers.map(typesOf))).toEqual(ledgers.map(() => creditedOnce));
  expect(endpoint.book.size).toBe(ledgers.length);
});

test("a provider that is away is asked until it is back, under one key, and its charge counts once", async () => {
  let isAway = true;
  let asked = 0;
  await using endpoint = await honestEndpoint(accepting, (reply) => {
    asked += 1;
    if (!isAway) reply();
  });
  await using stack = new AsyncDisposableStack();
  const workspaceId = await lowLedger(start);
  const impatient = { url: endpoint.url, timeoutMs: 50 };
  const runner = recharging(side, impatient, stack);
  await until(() => asked > 8);
  expect(await typesOf(workspaceId)).toEqual(["AutoRechargeConfigured", "RechargeRequested"]);
  isAway = false;
  await until(() => isCredited(workspaceId));
  expect(new Set(endpoint.received.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
  expect(await typesOf(workspaceId)).toEqual(creditedOnce);
  expect(runner.status().parked).toBe(0);
});

test("a decline backs off, and three in a row suspend recharging until somebody switches it on again", async () => {
  await using endpoint = await honestEndpoint(declining);
  await using stack = new AsyncDisposableStack();
  let now = start;
  recharging(side, { url: endpoint.url, now: () => now }, stack);
  const workspaceId = await lowLedger(now);
  const declines = async () => (await typesOf(workspaceId)).filter((type) => type === "RechargeDeclined").length;
  const another = { workspaceId, amount: 1, description: "something that is written anyway" };
  const writtenAfter = async (minutes: number) => {
    now = minutesLater(minutes);
    await side.handler.handle(AddCredits, another, contextOf({ now }));
  };
  await until(async () => (await declines()) === 1);
  await writtenAfter(0.5);
  expect(endpoint.received).toHaveLength(1);
  await writtenAfter(1);
  await until(async () => (await declines()) === 2);
  await writtenAfter(4.5);
  expect(endpoint.received).toHaveLength(2);
  await writtenAfter(5);
  await until(async () => (await declines()) === 3);
  await writtenAfter(60 * 24);
  expect(await typesOf(workspaceId)).toEqual([
    ...["AutoRechargeConfigured", "RechargeRequested", "RechargeDeclined"],
    ...["RechargeRequested", "RechargeDeclined"],
    ...["RechargeRequested", "RechargeDeclined", "AutoRechargeSuspended"],
  ]);
  expect(endpoint.book.size).toBe(3);
  const { state } = await side.handler.stateOf(creditLedger, workspaceId);
  expect(state).toMatchObject({ recharge: { isEnabled: false, isSuspended: true, failures: 3, pending: null } });

  const settings = { workspaceId, enabled: true, threshold: 100, amount: 500, coolOffSeconds: 0 };
  await side.handler.handle(ConfigureAutoRecharge, settings, contextOf({ now }));
  await until(async () => (await declines()) === 4);
});

test("a ledger that is read too old, or is too busy to be written to, is asked again", async () => {
  await using endpoint = await honestEndpoint(accepting);
  await using stack = new AsyncDisposableStack();
  const workspaceId = await lowLedger(start);
  let [oldReads, busyWrites] = [3, 3];
  const change: NonNullable<Parameters<typeof recharging>[1]["change"]> = ({ handler, ...means }) => ({
    ...means,
    handler: {
      stateOf: async (aggregate, id) => {
        oldReads -= 1;
        return oldReads < 0 ? handler.stateOf(aggregate, id) : { state: aggregate.initial, revision: 0n, position: 0n };
      },
      handle: async (...asked) => {
        busyWrites -= 1;
        return busyWrites < 0 ? handler.handle(...asked) : reject("conflict", "CONTENTION", "Too many others.");
      },
    },
  });
  const runner = recharging(side, { url: endpoint.url, change }, stack);
  await until(() => isCredited(workspaceId));
  expect(await typesOf(workspaceId)).toEqual(creditedOnce);
  expect(endpoint.book.size).toBe(1);
  expect(runner.status().parked).toBe(0);
});

test("an endpoint that refuses the call leaves the recharge in flight until the operator has mended it", async () => {
  let isMended = false;
  const reply: Reply = (response, call) =>
    isMended ? json(200, accepting(1))(response, call) : json(403, {})(response, call);
  await using endpoint = await paymentEndpoint([reply]);
  await using stack = new AsyncDisposableStack();
  const workspaceId = await lowLedger(start);
  const runner = recharging(side, { url: endpoint.url }, stack);
  await until(() => runner.status().parked === 1);
  const { state } = await side.handler.stateOf(creditLedger, workspaceId);
  expect(state).toMatchObject({ recharge: { pending: { amount: 500 }, failures: 0 } });
  // What `/ready` and `npm run reactions` tell an operator.
  expect(await side.store.groups.list()).toMatchObject([{ name: "auto_recharge", parked: 1 }]);
  isMended = true;
  await side.store.groups.replay("auto_recharge");
  await until(() => isCredited(workspaceId));
  expect(await typesOf(workspaceId)).toEqual(creditedOnce);
});

test("recharges of the past are not charged again when the reaction begins with the first event again", async () => {
  await using endpoint = await honestEndpoint(accepting);
  await using stack = new AsyncDisposableStack();
  recharging(side, { url: endpoint.url }, stack);
  const past = await lowLedger(start);
  await until(() => isCredited(past));
  await nothingInHand();
  await side.store.groups.restart("auto_recharge");
  const present = await lowLedger(start);
  await until(() => isCredited(present));
  await nothingInHand();
  expect(endpoint.received).toHaveLength(2);
});
