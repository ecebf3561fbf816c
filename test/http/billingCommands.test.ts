import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ledger, newLedger, upTo, whenRecharged } from "../properties/ledger.ts";
import { type Client, client, expectStatus, type SignedIn, signedIn } from "../support/client.ts";
import type { Installation } from "../support/everfold.ts";
import { bookkeeping, outcomeOf } from "./bookkeeping.ts";

const stack = new AsyncDisposableStack();
let on: Installation;
let api: Client;
let ada: SignedIn;
beforeAll(async () => {
  ({ on, api, ada } = await bookkeeping(stack, { DEFAULT_PLAN: "pro" }));
});
afterAll(() => stack.disposeAsync());

const description = "Enrich";
const debited = async (ledger: Ledger, amount: number) =>
  expectStatus(201, await ledger.ask("debits", { amount, description })).transaction;
const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString();

describe("credits", () => {
  test("are bought or given, with a priority and an expiry of their own", async () => {
    const ledger = await newLedger(api, ada);
    const bought = expectStatus(201, await ledger.ask("credits", { amount: 100, description: "Invoice 7" }));
    expect(bought).toMatchObject({ transaction: { type: "purchase", change: 100, balanceAfter: 100 }, available: 100 });
    const terms = { kind: "promotional", priority: 10, expiresAt: tomorrow() };
    const given = expectStatus(201, await ledger.ask("credits", { amount: 50, description: "Welcome", ...terms }));
    expect(given).toMatchObject({ transaction: { type: "grant", change: 50, balanceAfter: 150 }, balance: 150 });
  });

  test("that take effect later are not spendable before", async () => {
    const ledger = await newLedger(api, ada);
    const waiting = { amount: 50, description: "Next month", effectiveAt: tomorrow() };
    const answer = expectStatus(201, await ledger.ask("credits", waiting));
    expect(answer).toEqual({ transaction: null, lot: 1, balance: 0, held: 0, available: 0 });
    const [lot] = await ledger.see("/lots");
    expect(lot).toMatchObject({ lot: answer.lot, status: "waiting", remaining: 50, description: "Next month" });
    expect(await ledger.allTransactions()).toEqual([]);
    expect(outcomeOf(await ledger.ask("debits", { amount: 1, description }))).toEqual([402, "INSUFFICIENT_CREDITS"]);
  });

  test("cannot expire before they take effect, or before now", async () => {
    const ledger = await newLedger(api, ada);
    const grant = { amount: 50, description: "Welcome" };
    const past = new Date(Date.now() - 1_000).toISOString();
    for (const terms of [{ expiresAt: past }, { effectiveAt: tomorrow(), expiresAt: tomorrow() }])
      expect(outcomeOf(await ledger.ask("credits", { ...grant, ...terms }))).toEqual([422, "EXPIRY_NOT_LATER"]);
    for (const wrong of [{ kind: "recharge" }, { priority: 101 }, { priority: -1 }, { expiresAt: "tomorrow" }])
      expect(outcomeOf(await ledger.ask("credits", { ...grant, ...wrong }))).toEqual([400, "VALIDATION_ERROR"]);
  });

  test("are adjusted by hand, either way, with a reason", async () => {
    const ledger = await newLedger(api, ada, 100);
    const adjust = (amount: number) => ledger.ask("adjustments", { amount, reason: "Goodwill", referenceId: "T-1" });
    expect(expectStatus(201, await adjust(20))).toMatchObject({
      transaction: { type: "adjustment", amount: 20, change: 20, description: "Goodwill", referenceId: "T-1" },
      balance: 120,
    });
    expect(expectStatus(201, await adjust(-30))).toMatchObject({
      transaction: { type: "adjustment", amount: 30, change: -30, balanceAfter: 90 },
      balance: 90,
    });
    expect(outcomeOf(await adjust(-91))).toEqual([402, "INSUFFICIENT_CREDITS"]);
    expect(outcomeOf(await adjust(0))).toEqual([400, "VALIDATION_ERROR"]);
    expect(outcomeOf(await ledger.ask("adjustments", { amount: 5 }))).toEqual([400, "VALIDATION_ERROR"]);
  });
});

describe("a refund", () => {
  const refunded = (ledger: Ledger, id: string, body: object = {}, headers = {}) =>
    ledger.ask(`transactions/${id}/refunds`, { description: "Not found", ...body }, headers);

  test("gives back a part of a debit, then all that is left, and never more", async () => {
    const ledger = await newLedger(api, ada, 100);
    const { id } = await debited(ledger, 60);
    expect(expectStatus(201, await refunded(ledger, id, { amount: 25 }))).toMatchObject({
      transaction: { type: "refund", amount: 25, change: 25, balanceAfter: 65, description: "Not found" },
      ...{ balance: 65, held: 0, available: 65 },
    });
    const tooMuch = await refunded(ledger, id, { amount: 36 });
    expect([tooMuch.status, tooMuch.body.error]).toMatchObject([
      422,
      { code: "REFUND_EXCEEDS_DEBIT", details: { debited: 60, refunded: 25, refundable: 35 } },
    ]);
    expect(expectStatus(201, await refunded(ledger, id))).toMatchObject({ transaction: { amount: 35 }, balance: 100 });
    expect(outcomeOf(await refunded(ledger, id))).toEqual([422, "REFUND_EXCEEDS_DEBIT"]);
  });

  test("of a capture is one of a debit", async () => {
    const ledger = await newLedger(api, ada, 100);
    const { hold } = expectStatus(201, await ledger.ask("holds", { amount: 50, description: "Run" }));
    const { transaction } = expectStatus(201, await ledger.ask(`holds/${hold.id}/captures`, { amount: 40 }));
    expect(expectStatus(201, await refunded(ledger, transaction.id)).balance).toBe(100);
  });

  test("sent again under its key is answered as the first time", async () => {
    const ledger = await newLedger(api, ada, 100);
    const { id } = await debited(ledger, 60);
    const key = { "idempotency-key": randomUUID() };
    const [first, second] = [await refunded(ledger, id, {}, key), await refunded(ledger, id, {}, key)];
    expect([second.body, second.headers.get("idempotency-hit")]).toEqual([first.body, "true"]);
    expect((await ledger.billing()).creditBalance).toBe(100);
  });

  test("of what is no debit of this ledger is 404", async () => {
    const [ledger, other] = [await newLedger(api, ada, 100), await newLedger(api, ada, 100)];
    const { transaction } = expectStatus(201, await ledger.ask("credits", { amount: 5, description: "Invoice" }));
    const { id: foreign } = await debited(other, 10);
    for (const id of [transaction.id, foreign, randomUUID()])
      expect(outcomeOf(await refunded(ledger, id))).toEqual([404, "TRANSACTION_NOT_FOUND"]);
  });
});

describe("the credit limit", () => {
  test("lets the balance go below zero, as far as the plan allows", async () => {
    const ledger = await newLedger(api, ada, 10);
    expect(expectStatus(200, await ledger.set("credit-limit", { creditLimit: 100 }))).toEqual({
      ...{ creditLimit: 100, balance: 10, held: 0, available: 110 },
    });
    expect(await debited(ledger, 60)).toMatchObject({ balanceAfter: -50 });
    expect(await ledger.billing()).toMatchObject({ creditBalance: -50, available: 50, creditLimit: 100 });
    const lower = await ledger.set("credit-limit", { creditLimit: 49 });
    expect([lower.status, lower.body.error]).toMatchObject([
      409,
      { code: "CREDIT_LIMIT_IN_USE", details: { used: 50 } },
    ]);
    const higher = await ledger.set("credit-limit", { creditLimit: 10_001 });
    expect([higher.status, higher.body.error]).toMatchObject([
      422,
      { code: "CREDIT_LIMIT_TOO_HIGH", details: { planType: "pro", max: 10_000 } },
    ]);
  });

  test("is none on the plan workspaces begin with unless DEFAULT_PLAN says otherwise", async () => {
    const plain = client((await on.everfold()).url);
    const ledger = await newLedger(plain, await signedIn(plain), 10);
    expect((await ledger.billing()).planType).toBe("free");
    expect(outcomeOf(await ledger.set("credit-limit", { creditLimit: 1 }))).toEqual([422, "CREDIT_LIMIT_TOO_HIGH"]);
    expectStatus(200, await ledger.set("credit-limit", { creditLimit: 0 }));
  });
});

describe("a budget", () => {
  const budget = { scope: { kind: "workspace" }, limit: 50, period: "month" };

  test("limits what is spent in a period, and says how much is left of it", async () => {
    const ledger = await newLedger(api, ada, 100);
    const made = expectStatus(201, await ledger.ask("budgets", budget));
    expect(made).toMatchObject({ budget: { ...budget, alertsAt: [80, 100] }, balance: 100, available: 100 });
    await debited(ledger, 45);
    const refused = await ledger.ask("debits", { amount: 6, description });
    expect([refused.status, refused.body.error]).toMatchObject([
      402,
      {
        code: "SPENDING_LIMIT_EXCEEDED",
        details: { budgetId: made.budget.id, limit: 50, spent: 45, required: 6, shortfall: 1 },
      },
    ]);
    await debited(ledger, 5);
  });

  test("is changed and taken away", async () => {
    const ledger = await newLedger(api, ada, 100);
    const { id } = expectStatus(201, await ledger.ask("budgets", { ...budget, limit: 0 })).budget;
    expect(outcomeOf(await ledger.ask("debits", { amount: 1, description }))).toEqual([402, "SPENDING_LIMIT_EXCEEDED"]);
    const changed = expectStatus(200, await ledger.set(`budgets/${id}`, { ...budget, limit: 1, alertsAt: [] }));
    expect(changed.budget).toEqual({ id, ...budget, limit: 1, alertsAt: [] });
    await debited(ledger, 1);
    expect(expectStatus(200, await ledger.remove(`budgets/${id}`))).toEqual({ balance: 99, held: 0, available: 99 });
    await debited(ledger, 10);
    expect(outcomeOf(await ledger.remove(`budgets/${id}`))).toEqual([404, "RESOURCE_NOT_FOUND"]);
  });

  test("keeps its scope and its period", async () => {
    const ledger = await newLedger(api, ada, 100);
    const { id } = expectStatus(201, await ledger.ask("budgets", budget)).budget;
    for (const other of [{ period: "day" }, { scope: { kind: "member", id: ada.id } }])
      expect(outcomeOf(await ledger.set(`budgets/${id}`, { ...budget, ...other }))).toEqual([409, "BUDGET_IS_FIXED"]);
  });

  test("of one member is nobody else's", async () => {
    const ledger = await newLedger(api, ada, 100);
    const scope = { kind: "member", id: randomUUID() };
    expectStatus(201, await ledger.ask("budgets", { ...budget, scope, limit: 0 }));
    await debited(ledger, 10);
    expectStatus(201, await ledger.ask("budgets", { ...budget, scope: { kind: "member", id: ada.id }, limit: 0 }));
    expect(outcomeOf(await ledger.ask("debits", { amount: 1, description }))).toEqual([402, "SPENDING_LIMIT_EXCEEDED"]);
  });

  test("is refused when anything in it is not as it must be", async () => {
    const ledger = await newLedger(api, ada);
    for (const wrong of [
      { scope: { kind: "member" } },
      { scope: { kind: "team", id: randomUUID() } },
      { limit: -1 },
      { period: "year" },
      { alertsAt: [101] },
    ])
      expect(outcomeOf(await ledger.ask("budgets", { ...budget, ...wrong }))).toEqual([400, "VALIDATION_ERROR"]);
  });
});

describe("settings", () => {
  test("the low balance is told at a threshold, and told again only once it had recovered", async () => {
    const ledger = await newLedger(api, ada, 100);
    expect(expectStatus(200, await ledger.set("alerts", { threshold: 50 }))).toEqual({
      ...{ threshold: 50, rearmAt: 55, balance: 100, held: 0, available: 100 },
    });
    await debited(ledger, 60);
    expect((await ledger.billing()).alert).toEqual({ threshold: 50, rearmAt: 55, isLow: true });
    expectStatus(201, await ledger.ask("credits", { amount: 15, description: "Invoice" }));
    expect((await ledger.billing()).alert.isLow).toBe(false);
    expect(outcomeOf(await ledger.set("alerts", { threshold: 50, rearmAt: 49 }))).toEqual([
      400,
      "REARM_BELOW_THRESHOLD",
    ]);
    expect(expectStatus(200, await ledger.set("alerts", { threshold: null })).threshold).toBe(null);
  });

  test("BILL-10: a recharge is sized to its target, and 402 says what becomes of it", async () => {
    const ledger = await newLedger(api, ada, 100);
    const settings = { enabled: true, threshold: 50, amount: 10, target: 200, coolOffSeconds: 3_600, periodCap: 500 };
    expect(expectStatus(200, await ledger.set("auto-recharge", settings))).toMatchObject({
      autoRecharge: { isEnabled: true, threshold: 50, amount: 10, target: 200, coolOffSeconds: 3_600, periodCap: 500 },
      available: 100,
    });
    await debited(ledger, 80);
    expect(await ledger.billing(upTo(await whenRecharged(ledger)))).toMatchObject({
      creditBalance: 200,
      recharge: { state: "waiting", charged: 180, pending: null, failures: 0 },
    });
    const { body } = await ledger.ask("debits", { amount: 201, description });
    expect(body.error.details).toMatchObject({ rechargeState: "waiting", shortfall: 1 });
  });

  test("BILL-10: of a recharge are refused where they contradict each other", async () => {
    const ledger = await newLedger(api, ada);
    const settings = { enabled: true, threshold: 50, amount: 10 };
    const coded = async (changed: object) => outcomeOf(await ledger.set("auto-recharge", { ...settings, ...changed }));
    expect(await coded({ amount: 0 })).toEqual([400, "VALIDATION_ERROR"]);
    expect(await coded({ threshold: -1 })).toEqual([400, "VALIDATION_ERROR"]);
    expect(await coded({ target: 49 })).toEqual([400, "TARGET_BELOW_THRESHOLD"]);
    expect(await coded({ amount: Number.MAX_SAFE_INTEGER })).toEqual([400, "RECHARGE_TOO_LARGE"]);
  });
});
