import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Client, client, expectStatus, type SignedIn, signedIn } from "../support/client.ts";
import { type Installation, installation } from "../support/everfold.ts";
import { chainOf, type Ledger, ledgerOf, movements, newLedger, upTo, whenRecharged } from "./ledger.ts";

/** More workspaces than anybody has for nothing. */
const plan = { DEFAULT_PLAN: "enterprise" };
const stack = new AsyncDisposableStack();
let on: Installation;
/** Two processes' worth on one event store and one database. */
let apis: [Client, Client];
let api: Client;
let ada: SignedIn;
beforeAll(async () => {
  on = await installation(stack);
  apis = [client((await on.everfold(plan)).url), client((await on.everfold(plan)).url)];
  api = apis[0];
  ada = await signedIn(api);
});
afterAll(() => stack.disposeAsync());

const keyed = (key: string = randomUUID()) => ({ "idempotency-key": key });
const isHit = ({ headers }: { headers: Headers }) => headers.get("idempotency-hit") === "true";

const description = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 50 })
  .filter((text) => !text.includes("\0") && text.isWellFormed());
const amount = fc.oneof(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 1e12 }));
const small = fc.integer({ min: 1, max: 100 });

/** Side by side: each waits for the read models, and with delayed ones for long. */
describe.concurrent("a ledger over HTTP", { timeout: 240_000 }, () => {
  const holds = <Ts extends [unknown, ...unknown[]]>(property: fc.IAsyncPropertyWithHooks<Ts>) =>
    fc.assert(property, { numRuns: 100 });

  test("P19, BILL-01, BILL-02, BILL-09: a purchase raises the balance by its amount, and a line says so", async () => {
    const ledger = await newLedger(api, ada);
    await holds(
      fc.asyncProperty(amount, description, async (added, why) => {
        const before = await ledger.billing();
        const { transaction, balance } = expectStatus(
          201,
          await ledger.ask("credits", { amount: added, description: why }),
        );
        expect(balance).toBe(before.creditBalance + added);
        const [after, { data }] = await Promise.all([ledger.billing(), ledger.transactions(1, 1)]);
        const transactionCount = before.transactionCount + 1;
        expect(after).toEqual({ ...before, creditBalance: balance, available: balance, transactionCount });
        expect(data).toMatchObject([transaction]);
        const written = { type: "purchase", amount: added, balanceAfter: balance, description: why, referenceId: null };
        expect(transaction).toMatchObject(written);
      }),
    );
  });

  test("P20, BILL-03, BILL-09: a debit the balance covers lowers it by its amount, and a line says so", async () => {
    const ledger = await newLedger(api, ada);
    const reference = fc.option(fc.string({ minLength: 1 }), { nil: undefined });
    const share = fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true }));
    await holds(
      fc.asyncProperty(amount, share, description, reference, async (added, part, why, referenceId) => {
        const topUp = await ledger.ask("credits", { amount: added, description: "Top-up" });
        const { balance: before } = expectStatus(201, topUp);
        const debited = Math.max(1, Math.floor(before * part));
        const debit = { amount: debited, description: why, ...(referenceId === undefined ? {} : { referenceId }) };
        const { transaction, balance } = expectStatus(201, await ledger.ask("debits", debit));
        expect(balance).toBe(before - debited);
        expect(transaction).toMatchObject({ ...debit, type: "debit", referenceId: referenceId ?? null });
        const [{ creditBalance }, { data }] = await Promise.all([ledger.billing(), ledger.transactions(1, 1)]);
        expect(creditBalance).toBe(balance);
        expect(data).toMatchObject([transaction]);
      }),
    );
  });

  test("P21, BILL-04, BILL-11: a debit beyond the balance is refused, changes nothing, is not remembered", async () => {
    const ledger = await newLedger(api, ada, 10);
    await holds(
      fc.asyncProperty(amount, async (shortfall) => {
        const seen = () => Promise.all([ledger.billing(), ledger.transactions(1, 1), ledger.exportText()]);
        const before = await seen();
        const balance = before[0].creditBalance;
        const headers = keyed();
        const debit = { amount: balance + shortfall, description: "Enrich" };
        const { status, body } = await ledger.ask("debits", debit, headers);
        expect([status, body.error.code]).toEqual([402, "INSUFFICIENT_CREDITS"]);
        const standing = { balance, held: 0, available: balance, rechargeState: "off" };
        expect(body.error.details).toEqual({ ...standing, required: debit.amount, shortfall });
        expect(await seen()).toEqual(before);

        expectStatus(201, await ledger.ask("credits", { amount: shortfall + 1, description: "Top-up" }));
        const covered = await ledger.ask("debits", debit, headers);
        expect(expectStatus(201, covered).balance).toBe(1);
        expect(isHit(covered)).toBe(false);
      }),
    );
  });

  test("P22: transactions are listed newest first, page by page, each once (BILL-05, FND-16)", async () => {
    const asked = fc.array(fc.constantFrom("credits" as const, "debits" as const), { maxLength: 8 });
    await holds(
      fc.asyncProperty(asked, fc.integer({ min: 1, max: 5 }), fc.boolean(), async (all, limit, isRecharging) => {
        const ledger = await newLedger(api, ada, 100);
        if (isRecharging) expectStatus(200, await ledger.rechargeBelow(95, 5));
        for (const to of all) expectStatus(201, await ledger.ask(to, { amount: 3, description: "Enrich" }));
        const lines = await whenRecharged(ledger);
        const expected = movements(lines).toReversed();
        const pages = Array.from({ length: Math.ceil(expected.length / limit) + 1 }, (_, index) =>
          ledger.transactions(index + 1, limit, upTo(lines)),
        );
        const listed = await Promise.all(pages);
        expect(listed.map(({ meta }) => meta)).toMatchObject(
          pages.map((_, index) => ({ page: index + 1, limit, total: expected.length })),
        );
        const rows = listed.flatMap(({ data }) => data);
        expect(rows).toMatchObject(expected);
        // It is the order of the ledger and not of clocks, which recharges that come in between have of their own.
        const times = rows.filter(({ type }) => type !== "recharge").map(({ createdAt }) => createdAt);
        expect(times).toEqual(times.toSorted().toReversed());
      }),
    );
  });

  test("P23, BILL-06, BILL-10: a debit to below the threshold asks for a recharge, credited once", async () => {
    const ledger = await newLedger(api, ada, 1_000);
    const settings = fc.record({ threshold: fc.nat({ max: 1_500 }), amount: small, enabled: fc.boolean() });
    await holds(
      fc.asyncProperty(settings, small, async ({ threshold, amount: least, enabled }, debited) => {
        expectStatus(200, await ledger.rechargeBelow(threshold, least, enabled));
        await whenRecharged(ledger);
        const topUp = await ledger.ask("credits", { amount: debited, description: "Top-up" });
        const { balance: before } = expectStatus(201, topUp);
        const headers = keyed();
        const debit = { amount: debited, description: "Enrich" };
        const first = await ledger.ask("debits", debit, headers);
        const again = await ledger.ask("debits", debit, headers);
        const isDue = enabled && before - debited < threshold;
        const recharged = isDue ? Math.max(least, threshold - (before - debited)) : 0;

        const { transaction, balance } = expectStatus(201, first);
        expect(transaction).toMatchObject({ type: "debit", amount: debited, balanceAfter: before - debited });
        expect(balance).toBe(before - debited);
        expect([isHit(first), isHit(again), again.body.data]).toEqual([false, true, first.body.data]);

        const lines = await whenRecharged(ledger);
        const own = lines.slice(lines.findIndex(({ id }) => id === transaction.id));
        expect(own.map(({ type }) => type)).toEqual(
          isDue ? ["CreditsDebited", "RechargeRequested", "CreditsRecharged"] : ["CreditsDebited"],
        );
        const asked = own.slice(0, isDue ? 2 : 1);
        expect(new Set(asked.map(({ metadata }) => metadata.commandId)).size).toBe(1);

        const [billing, { data }] = await Promise.all([
          ledger.billing(upTo(lines)),
          ledger.transactions(1, isDue ? 2 : 1, upTo(lines)),
        ]);
        expect(billing).toMatchObject({
          creditBalance: balance + recharged,
          autoRecharge: enabled,
          autoRechargeThreshold: threshold,
        });
        expect(data.at(-1)).toMatchObject(transaction);
        if (isDue)
          expect(data[0]).toMatchObject({ type: "recharge", amount: recharged, balanceAfter: balance + recharged });
      }),
    );
  });

  test("P24, BILL-07, BILL-11: concurrent operations in two processes keep the balance, each key once", async () => {
    const operation = fc.record({
      to: fc.constantFrom("debits" as const, "debits" as const, "credits" as const),
      amount: small,
      processes: fc.array(fc.constantFrom(0 as const, 1 as const), { minLength: 1, maxLength: 3 }),
    });
    const operations = fc.array(operation, { minLength: 4, maxLength: 16 });
    await holds(
      fc.asyncProperty(fc.nat({ max: 400 }), operations, async (initial, asked) => {
        const first = await newLedger(api, ada, initial);
        const ledgers: [Ledger, Ledger] = [first, ledgerOf(apis[1], ada, first.workspace)];
        const sent = await Promise.all(
          asked.map(async ({ to, processes, ...rest }) => {
            const [body, headers] = [{ ...rest, description: "Enrich" }, keyed()];
            const answers = await Promise.all(processes.map((process) => ledgers[process].ask(to, body, headers)));
            return { to, body, headers, answers, done: answers.filter(({ status }) => status === 201) };
          }),
        );
        const succeeded = sent.filter(({ done }) => done.length > 0);
        for (const { done } of succeeded) {
          expect(new Set(done.map(({ body }) => JSON.stringify(body.data))).size).toBe(1);
          expect(done.filter((answer) => !isHit(answer))).toHaveLength(1);
        }

        const lines = await ledgers[1].lines();
        const moved = movements(lines);
        const own = moved.slice(initial > 0 ? 1 : 0);
        expect(await chainOf(first, lines)).toMatchObject({ isIntact: true, revision: BigInt(lines.length - 1) });
        const told = succeeded.map(({ done: [answer] }) => answer?.body.data.transaction);
        expect(own.map(({ id }) => id).toSorted()).toEqual(told.map(({ id }) => id).toSorted());
        for (const transaction of told) expect(own).toContainEqual(expect.objectContaining(plain(transaction)));

        const sum = succeeded.reduce(
          (total, { to, body }) => total + (to === "debits" ? -1 : 1) * body.amount,
          initial,
        );
        const balances = [initial, ...moved.map(({ balanceAfter }) => balanceAfter)];
        expect(balances.at(-1)).toBe(sum);
        expect(Math.min(...balances)).toBeGreaterThanOrEqual(0);
        for (const { body, answers } of sent)
          for (const refused of answers.filter(({ status }) => status !== 201)) {
            const { balance, shortfall } = refused.body.error.details;
            expect([refused.status, shortfall]).toEqual([402, body.amount - balance]);
            expect(shortfall > 0 && balances.includes(balance)).toBe(true);
          }

        const upTo = { "x-event-position": lines.at(-1)?.position };
        const shown = ledgers.map((ledger) => Promise.all([ledger.billing(upTo), ledger.allTransactions(upTo)]));
        for (const [{ creditBalance }, all] of await Promise.all(shown)) {
          expect(creditBalance).toBe(sum);
          expect(all).toMatchObject(moved.toReversed());
        }

        for (const { to, body, headers } of succeeded.slice(0, 1)) {
          const other = await ledgers[1].ask(to, { ...body, amount: body.amount + 1 }, headers);
          expect([other.status, other.body.error.code]).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
        }
        for (const { to, body, headers } of sent.filter(({ done }) => done.length === 0).slice(0, 1)) {
          expectStatus(201, await ledgers[1].ask("credits", body));
          const covered = await ledgers[0].ask(to, body, headers);
          expect([covered.status, isHit(covered)]).toEqual([201, false]);
        }
      }),
    );
  });
});

const plain = ({ id, type, amount: moved, balanceAfter }: Record<string, unknown>) => ({
  id,
  type,
  amount: moved,
  balanceAfter,
});
