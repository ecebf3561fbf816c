/**
 * What users of credit ledgers complain about, in public, of those there are: each as a test of this one. Their
 * numbers are those of the list it was gathered in.
 */
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { publicKeysOf } from "../../src/audit/seals.ts";
import { verify } from "../../src/audit/verify.ts";
import { linesOf } from "../../src/eventstore/textLines.ts";
import { type Ledger, movements, newLedger, upTo, whenRecharged } from "../properties/ledger.ts";
import { type Answer, type Client, client, expectStatus, type SignedIn, signedIn } from "../support/client.ts";
import { installation } from "../support/everfold.ts";

const stack = new AsyncDisposableStack();
let api: Client;
let ada: SignedIn;
beforeAll(async () => {
  api = client((await (await installation(stack)).everfold({ DEFAULT_PLAN: "pro" })).url);
  ada = await signedIn(api);
});
afterAll(() => stack.disposeAsync());

const description = "Enrich";
const many = <T>(count: number, work: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));
const done = (answers: readonly Answer[]) => answers.filter(({ status }) => status === 201).length;
const codes = (answers: readonly Answer[]) =>
  new Set(answers.filter(({ status }) => status !== 201).map(({ status, body }) => `${status} ${body.error.code}`));
const debit = (ledger: Ledger, amount: number, more: object = {}) =>
  ledger.ask("debits", { amount, description, ...more });
const hold = (ledger: Ledger, amount: number) => ledger.ask("holds", { amount, description });
const eventsIn = async (ledger: Ledger, type: string) =>
  (await ledger.lines()).filter((line) => line.type === type).length;

describe("overspending", () => {
  test("#1: of many jobs at once as many spend as there are credits for, and the others are told so", async () => {
    const ledger = await newLedger(api, ada, 20);
    const answers = await many(60, (index) => (index % 2 ? debit(ledger, 1) : hold(ledger, 1)));
    expect([done(answers), codes(answers)]).toEqual([20, new Set(["402 INSUFFICIENT_CREDITS"])]);
    expect((await ledger.billing()).available).toBe(0);
  });

  test("#2: what is held is not available: six holds of 1,000 do not fit into 5,000", async () => {
    const ledger = await newLedger(api, ada, 5_000);
    expect(done(await many(6, () => hold(ledger, 1_000)))).toBe(5);
    expect(await ledger.billing()).toMatchObject({ creditBalance: 5_000, held: 5_000, available: 0 });
  });

  test("#3: settling a hold makes no credits: no less than nothing, no more than it reserves, and once", async () => {
    const ledger = await newLedger(api, ada, 100);
    const { id } = expectStatus(201, await hold(ledger, 50)).hold;
    const capture = (amount: number) => ledger.ask(`holds/${id}/captures`, { amount });
    for (const amount of [-31_348.8, -1, 0, 0.5]) expect((await capture(amount)).status).toBe(400);
    expect((await capture(51)).body.error.code).toBe("CAPTURE_EXCEEDS_HOLD");
    const settled = await many(10, (index) => (index % 2 ? capture(30) : ledger.ask(`holds/${id}/release`)));
    const isSettled = ({ status }: Answer) => status < 400;
    expect(settled.filter(isSettled)).toHaveLength(1);
    const isCaptured = settled.some(({ status }) => status === 201);
    expect(await ledger.billing()).toMatchObject({ creditBalance: isCaptured ? 70 : 100, held: 0 });
  });

  test("#11: a balance below zero is what was agreed on, and is paid back first, whatever comes first", async () => {
    const ledger = await newLedger(api, ada, 10);
    expectStatus(200, await ledger.set("credit-limit", { creditLimit: 100 }));
    expect(expectStatus(201, await debit(ledger, 110)).balance).toBe(-100);
    expect((await debit(ledger, 1)).status).toBe(402);
    const paid = expectStatus(201, await ledger.ask("credits", { amount: 7_500, description: "Invoice 8" }));
    expect(paid).toMatchObject({ balance: 7_400, available: 7_500 });
    expect((await ledger.see("/lots")).map(({ remaining }: { remaining: number }) => remaining)).toEqual([7_400]);
  });
});

describe("automatic recharge", () => {
  const settings = { enabled: true, threshold: 50, amount: 100, coolOffSeconds: 3_600, periodCap: 250 };

  test("#4: does not run away: one at a time, none while it cools off, and none once it is off", async () => {
    const ledger = await newLedger(api, ada, 100);
    expectStatus(200, await ledger.set("auto-recharge", settings));
    expect(done(await many(20, () => debit(ledger, 5)))).toBe(20);
    await whenRecharged(ledger);
    expect(done(await many(15, () => debit(ledger, 5)))).toBe(15);
    expect(await eventsIn(ledger, "RechargeRequested")).toBe(1);
    expectStatus(200, await ledger.set("auto-recharge", { ...settings, enabled: false, coolOffSeconds: 0 }));
    expect(done(await many(3, () => debit(ledger, 5)))).toBe(3);
    expect([await eventsIn(ledger, "RechargeRequested"), (await ledger.billing()).recharge.state]).toEqual([1, "off"]);
  });

  test("#4: is sized to the gap, and ends at the cap of the period", async () => {
    const ledger = await newLedger(api, ada, 100);
    expectStatus(200, await ledger.set("auto-recharge", { ...settings, amount: 1, target: 200, coolOffSeconds: 0 }));
    expectStatus(201, await debit(ledger, 90));
    expect(await ledger.billing(upTo(await whenRecharged(ledger)))).toMatchObject({ creditBalance: 200 });
    expectStatus(201, await debit(ledger, 190));
    expect(await ledger.billing(upTo(await whenRecharged(ledger)))).toMatchObject({ recharge: { charged: 250 } });
    expectStatus(201, await debit(ledger, 60));
    expect(await ledger.billing()).toMatchObject({ creditBalance: 10, recharge: { state: "capped", charged: 250 } });
    expect((await ledger.see("/alerts"))[0]).toMatchObject({ kind: "recharge_cap", credits: 250, limit: 250 });
  });

  test("#5: is credited once for each time it was charged for, whoever asks again", async () => {
    const ledger = await newLedger(api, ada, 100);
    expectStatus(200, await ledger.set("auto-recharge", { ...settings, coolOffSeconds: 0, periodCap: 10_000 }));
    const key = { "idempotency-key": randomUUID() };
    await many(8, () => ledger.ask("debits", { amount: 80, description }, key));
    const lines = await whenRecharged(ledger);
    expect(movements(lines).map(({ type, change }) => [type, change])).toEqual([
      ["purchase", 100],
      ["debit", -80],
      ["recharge", 100],
    ]);
  });
});

describe("keys", () => {
  test("#6: credits bought twice under one key are bought once, and so is whatever else is written", async () => {
    const ledger = await newLedger(api, ada);
    const key = { "idempotency-key": randomUUID() };
    const answers = await many(10, () => ledger.ask("credits", { amount: 50, description: "Invoice 9" }, key));
    expect([done(answers), new Set(answers.map(({ body }) => JSON.stringify(body))).size]).toEqual([10, 1]);
    expect(answers.filter(({ headers }) => headers.get("idempotency-hit") === null)).toHaveLength(1);
    expect((await ledger.billing()).creditBalance).toBe(50);
    const other = { "idempotency-key": randomUUID() };
    const holds = await many(5, () => ledger.ask("holds", { amount: 5, description }, other));
    expect(new Set(holds.map((answer) => expectStatus(201, answer).hold.id)).size).toBe(1);
  });
});

describe("a wallet many write to", () => {
  test("#7: takes all of them at once, without a lock that times out", async () => {
    const ledger = await newLedger(api, ada, 1_000);
    const answers = await many(300, () => debit(ledger, 1));
    expect([done(answers), codes(answers)]).toEqual([300, new Set()]);
    expect((await ledger.billing()).creditBalance).toBe(700);
  });

  test("#8: loses none of what is changed beside each other, and moves none without a line", async () => {
    const ledger = await newLedger(api, ada, 1_000);
    const answers = await many(40, (index) =>
      index % 4 === 0 ? ledger.set("alerts", { threshold: index }) : debit(ledger, 1),
    );
    expect(answers.filter(({ status }) => status >= 400)).toEqual([]);
    const [billing, all] = [await ledger.billing(), await ledger.allTransactions()];
    expect([billing.creditBalance, billing.transactionCount, all.length]).toEqual([970, 31, 31]);
  });

  test("#9: sends to another that sends back at the same time, and neither waits for ever", async () => {
    const [one, other] = [await newLedger(api, ada, 100), await newLedger(api, ada, 100)];
    const answers = await many(40, (index) => {
      const [from, to] = index % 2 ? [one, other] : [other, one];
      return from.ask("transfers", { toWorkspaceId: to.workspace, amount: 1 + (index % 5), description });
    });
    expect(done(answers)).toBe(40);
    const balances = await Promise.all([one, other].map(async (ledger) => (await ledger.billing()).creditBalance));
    expect(balances.reduce((sum, balance) => sum + balance, 0)).toBe(200);
  });

  test("#10: shows each writer's balance as of now, and never decides on an older one", async () => {
    const ledger = await newLedger(api, ada, 30);
    for (let left = 29; left >= 0; left -= 1) {
      expectStatus(201, await debit(ledger, 1));
      expect((await ledger.billing()).available).toBe(left);
    }
    expect((await debit(ledger, 1)).status).toBe(402);
  });
});

describe("grants", () => {
  test("#12: what has expired is gone at that moment, and nothing that was paid for with it", async () => {
    const ledger = await newLedger(api, ada, 100);
    const expiresAt = new Date(Date.now() + 2_000).toISOString();
    const gift = { amount: 50, description: "Welcome", kind: "promotional", expiresAt };
    expectStatus(201, await ledger.ask("credits", gift));
    expect(expectStatus(201, await debit(ledger, 20)).balance).toBe(130);
    await vi.waitFor(() => expect(new Date().toISOString() > expiresAt).toBe(true), { timeout: 30_000, interval: 20 });
    expect(await ledger.billing()).toMatchObject({ creditBalance: 100, available: 100 });
    expect((await debit(ledger, 101)).body.error.details).toMatchObject({ available: 100, shortfall: 1 });
    expect(expectStatus(201, await debit(ledger, 100)).balance).toBe(0);
  });

  test("#13: paid and free credits are told apart, and add up to the balance", async () => {
    const ledger = await newLedger(api, ada, 100);
    expectStatus(201, await ledger.ask("credits", { amount: 60, description: "Welcome", kind: "promotional" }));
    expectStatus(201, await debit(ledger, 80));
    const lots = await ledger.see("/lots");
    expect(lots.map(({ kind, remaining }: Record<string, unknown>) => [kind, remaining])).toEqual([["purchased", 80]]);
    expect((await ledger.billing()).creditBalance).toBe(80);
  });

  test("#14: what comes later does not change what was, be it a refund or an adjustment", async () => {
    const ledger = await newLedger(api, ada, 100);
    const { transaction } = expectStatus(201, await debit(ledger, 60));
    const past = async () => [await ledger.see("/balance?revision=2"), await ledger.see("/balance?revision=1")];
    const before = await past();
    expectStatus(201, await ledger.ask(`transactions/${transaction.id}/refunds`, { amount: 10, description }));
    expectStatus(201, await ledger.ask("adjustments", { amount: -5, reason: description }));
    expect(await past()).toEqual(before);
    expect(before).toMatchObject([{ balance: 40 }, { balance: 100 }]);
  });
});

describe("what is told", () => {
  test("#16: a long list is not cut off, and keeps its filters to the end", async () => {
    const ledger = await newLedger(api, ada, 1_000);
    const debits = Array.from({ length: 230 }, (_, index) => ({
      ...{ key: `run ${index}`, amount: 1, description },
      category: index % 2 ? "odd" : "even",
    }));
    expectStatus(200, await ledger.ask("debits/bulk", { debits }));
    const ids = new Set<string>();
    let answer = await ledger.look("/transactions?category=odd&limit=50");
    for (;;) {
      for (const { id, category } of expectStatus(200, answer)) {
        expect([category, ids.has(id)]).toEqual(["odd", false]);
        ids.add(id);
      }
      const { nextCursor } = answer.body.meta;
      if (nextCursor === null) break;
      answer = await ledger.look(`/transactions?limit=50&cursor=${nextCursor}`);
    }
    expect(ids.size).toBe(115);
  });

  test("#17: every write answers where it left the ledger, holds and balance from one moment", async () => {
    const ledger = await newLedger(api, ada, 1_000);
    const answers = await many(40, (index) => (index % 2 ? hold(ledger, 2) : debit(ledger, 3)));
    for (const answer of answers) {
      const { balance, held, available } = expectStatus(201, answer);
      expect(available).toBe(balance - held);
      expect(answer.body.meta.position).toMatch(/^\d+$/);
    }
    const lowest = Math.min(...answers.map(({ body }) => body.data.available));
    expect(await ledger.billing()).toMatchObject({ creditBalance: 940, held: 40, available: lowest });
  });

  test("#18: which run spent the credits, and who, is in every line and can be asked for", async () => {
    const ledger = await newLedger(api, ada, 100);
    expectStatus(201, await debit(ledger, 10, { referenceId: "run-42", category: "enrichment" }));
    const { id } = expectStatus(
      201,
      await ledger.ask("holds", { amount: 30, description, referenceId: "run-42" }),
    ).hold;
    expectStatus(201, await ledger.ask(`holds/${id}/captures`, { amount: 20 }));
    expectStatus(201, await debit(ledger, 5, { referenceId: "run-43" }));
    const lines = await ledger.see("/transactions?referenceId=run-42");
    expect(lines).toMatchObject([
      { change: -20, holdId: id, actor: { kind: "user", id: ada.id } },
      { change: -10, holdId: null, category: "enrichment" },
    ]);
    const total = (await ledger.see("/usage?groupBy=member"))[0];
    expect(total).toMatchObject({ member: { id: ada.id }, spent: 35, debits: 3 });
  });

  test("#19: anybody can verify a ledger, from its export and the published key alone", async () => {
    const ledger = await newLedger(api, ada, 100);
    expectStatus(201, await debit(ledger, 10));
    expectStatus(201, await ledger.ask("seals"));
    const exported = String((await ledger.look("/export")).body);
    const keys = publicKeysOf(JSON.stringify((await api.get("/.well-known/ledger-keys.json")).body));
    const verdictOf = (text: string) => verify(linesOf(Readable.from([Buffer.from(text)])), keys);
    expect(await verdictOf(exported)).toMatchObject({ isIntact: true });
    expect(await verdictOf(exported.replace('"amount":10', '"amount":11'))).toMatchObject({ isIntact: false });
  });

  test("#20: credits are whole, and exact up to 2^53 - 1: nothing is rounded", async () => {
    const ledger = await newLedger(api, ada, 100);
    for (const amount of [0.29 * 100, 1.5, 1e-7, 2 ** 53, Number.MAX_VALUE])
      expect((await debit(ledger, amount)).body.error.code).toBe("VALIDATION_ERROR");
    const most = Number.MAX_SAFE_INTEGER - 100;
    const added = expectStatus(201, await ledger.ask("credits", { amount: most, description: "Invoice 10" }));
    expect(added.balance).toBe(Number.MAX_SAFE_INTEGER);
    expect(expectStatus(201, await debit(ledger, 1)).balance).toBe(Number.MAX_SAFE_INTEGER - 1);
    expect((await ledger.billing()).creditBalance).toBe(Number.MAX_SAFE_INTEGER - 1);
  });
});
