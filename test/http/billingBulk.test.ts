import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ledger, ledgerOf, movements, newLedger } from "../properties/ledger.ts";
import { type Client, expectStatus, type SignedIn, signedIn } from "../support/client.ts";
import { bookkeeping } from "./bookkeeping.ts";

const stack = new AsyncDisposableStack();
let api: Client;
let ada: SignedIn;
beforeAll(async () => {
  ({ api, ada } = await bookkeeping(stack));
});
afterAll(() => stack.disposeAsync());

type Debit = { key: string; amount: number; description: string };
const debitOf = (amount: number, key: string = randomUUID()): Debit => ({ key, amount, description: "Enrich" });
const sent = (ledger: Ledger, debits: readonly object[], mode?: string) =>
  ledger.ask("debits/bulk", { ...(mode && { mode }), debits });
const statusesIn = ({ results }: { results: { status: string }[] }) => results.map(({ status }) => status);

describe("debits in bulk", () => {
  test("are each answered with their transaction and the balance after it, in the order they were sent", async () => {
    const ledger = await newLedger(api, ada, 100);
    const debits = [debitOf(10, "run-1"), { ...debitOf(20, "run-2"), referenceId: "job 2", category: "enrichment" }];
    const answer = await sent(ledger, debits);
    const { results, ...sums } = expectStatus(200, answer);
    expect(sums).toEqual({ balance: 70, held: 0, available: 70, written: 2, repeated: 0, refused: 0 });
    expect(results).toMatchObject([
      { key: "run-1", status: "written", balance: 90, held: 0, available: 90 },
      { key: "run-2", status: "written", balance: 70, held: 0, available: 70 },
    ]);
    expect(results[1].transaction).toMatchObject({
      ...{ type: "debit", amount: 20, change: -20, balanceAfter: 70 },
      ...{ description: "Enrich", referenceId: "job 2", category: "enrichment" },
    });
    expect(answer.body.meta.position).toBe(answer.headers.get("x-event-position"));
    const written = movements(await ledger.lines()).slice(1);
    expect(written).toMatchObject([{ id: results[0].transaction.id }, { id: results[1].transaction.id }]);
    expect((await ledger.billing()).creditBalance).toBe(70);
  });

  test("each: what is refused says why, and the others are written", async () => {
    const ledger = await newLedger(api, ada, 100);
    const answer = expectStatus(200, await sent(ledger, [debitOf(60), debitOf(50, "too much"), debitOf(40)]));
    expect(statusesIn(answer)).toEqual(["written", "refused", "written"]);
    expect(answer).toMatchObject({ balance: 0, written: 2, repeated: 0, refused: 1 });
    expect(answer.results[1]).toEqual({
      key: "too much",
      status: "refused",
      error: {
        code: "INSUFFICIENT_CREDITS",
        message: expect.any(String),
        details: { balance: 40, held: 0, available: 40, required: 50, shortfall: 10, rechargeState: "off" },
      },
    });
  });

  test("each: where nothing is written they say where the ledger stands", async () => {
    const ledger = await newLedger(api, ada, 30);
    expectStatus(201, await ledger.ask("holds", { amount: 10, description: "Run" }));
    expect(expectStatus(200, await sent(ledger, [debitOf(21), debitOf(22)]))).toMatchObject({
      ...{ balance: 30, held: 10, available: 20, written: 0, refused: 2 },
    });
  });

  test("all or nothing: all are written in one append", async () => {
    const ledger = await newLedger(api, ada, 100);
    const answer = expectStatus(200, await sent(ledger, [debitOf(60), debitOf(40)], "all_or_nothing"));
    expect(answer).toMatchObject({ balance: 0, written: 2, refused: 0 });
    expect(movements(await ledger.lines())).toHaveLength(3);
  });

  test("all or nothing: one that is refused keeps all from being written, and is named", async () => {
    const ledger = await newLedger(api, ada, 100);
    const before = await ledger.exportText();
    const refused = await sent(ledger, [debitOf(60), debitOf(50, "too much"), debitOf(40)], "all_or_nothing");
    expect([refused.status, refused.body.error]).toMatchObject([
      402,
      {
        code: "INSUFFICIENT_CREDITS",
        details: { index: 1, key: "too much", balance: 40, available: 40, required: 50, shortfall: 10 },
      },
    ]);
    expect(await ledger.exportText()).toBe(before);
  });

  test("sent again, they are told once more what became of them, and nothing is written twice", async () => {
    for (const mode of ["each", "all_or_nothing"]) {
      const ledger = await newLedger(api, ada, 100);
      const debits = [debitOf(10), debitOf(20)];
      const first = expectStatus(200, await sent(ledger, debits, mode));
      const again = await sent(ledger, [...debits, debitOf(30)], mode);
      const { results, ...sums } = expectStatus(200, again);
      expect(statusesIn({ results })).toEqual(["repeated", "repeated", "written"]);
      expect(results.slice(0, 2)).toMatchObject(
        first.results.map(({ status: _, ...told }: { status: string }) => told),
      );
      expect(sums).toMatchObject({ balance: 40, written: 1, repeated: 2 });
      const third = await sent(ledger, debits, mode);
      expect(expectStatus(200, third)).toMatchObject({ balance: 40, written: 0, repeated: 2 });
      expect([again, third].map(({ headers }) => headers.get("idempotency-hit"))).toEqual([null, "true"]);
      expect(movements(await ledger.lines())).toHaveLength(4);
    }
  });

  test("the same key names the same command, sent alone or in bulk", async () => {
    const ledger = await newLedger(api, ada, 100);
    const { key, ...debit } = debitOf(10, "run-7");
    const alone = expectStatus(201, await ledger.ask("debits", debit, { "idempotency-key": key }));
    const [told] = expectStatus(200, await sent(ledger, [{ key, ...debit }])).results;
    expect(told).toEqual({ key, status: "repeated", ...alone });
    const { key: other, ...second } = debitOf(20, "run-8");
    const [written] = expectStatus(200, await sent(ledger, [{ key: other, ...second }])).results;
    const repeated = await ledger.ask("debits", second, { "idempotency-key": other });
    expect(repeated.headers.get("idempotency-hit")).toBe("true");
    expect(written).toEqual({ key: other, status: "written", ...expectStatus(201, repeated) });
  });

  test("a key that stands twice in them is one debit; with another amount it is refused", async () => {
    const ledger = await newLedger(api, ada, 100);
    const twice = expectStatus(200, await sent(ledger, [debitOf(10, "a"), debitOf(10, "a"), debitOf(11, "a")]));
    expect(statusesIn(twice)).toEqual(["written", "repeated", "refused"]);
    expect(twice.results[1].transaction).toEqual(twice.results[0].transaction);
    expect(twice.results[2].error.code).toBe("IDEMPOTENCY_KEY_REUSED");
    expect(twice.balance).toBe(90);
    const refused = await sent(ledger, [debitOf(10, "b"), debitOf(11, "b")], "all_or_nothing");
    expect([refused.status, refused.body.error]).toMatchObject([
      422,
      { code: "IDEMPOTENCY_KEY_REUSED", details: { index: 1, key: "b" } },
    ]);
    expect((await ledger.billing()).creditBalance).toBe(90);
  });

  test("as many as 500 are taken at once, and one more is refused", async () => {
    const ledger = await newLedger(api, ada, 1_000);
    const debits = Array.from({ length: 500 }, () => debitOf(1));
    for (const mode of ["each", "all_or_nothing"]) {
      const fresh = debits.map(({ key, ...debit }) => ({ ...debit, key: `${mode} ${key}` }));
      const { results, ...sums } = expectStatus(200, await sent(ledger, fresh, mode));
      expect(sums).toMatchObject({ written: 500, refused: 0 });
      expect(new Set(results.map(({ transaction }: { transaction: { id: string } }) => transaction.id)).size).toBe(500);
    }
    expect((await ledger.billing()).creditBalance).toBe(0);
    const tooMany = await sent(ledger, [...debits, debitOf(1)]);
    expect([tooMany.status, tooMany.body.error.details[0].path]).toEqual([400, "debits"]);
  });

  test("all or nothing: more than one append takes is refused, and none of them is blamed", async () => {
    const ledger = await newLedger(api, ada, 1_000);
    const debits = Array.from({ length: 500 }, () => ({ ...debitOf(1), description: "€".repeat(500) }));
    const refused = await sent(ledger, debits, "all_or_nothing");
    expect([refused.status, refused.body.error]).toEqual([
      422,
      { code: "BULK_TOO_LARGE", message: expect.any(String), details: {} },
    ]);
  });

  test("are refused as a whole, before any is looked at, when one is not as it must be", async () => {
    const ledger = await newLedger(api, ada, 100);
    const before = await ledger.exportText();
    const wrong: readonly (readonly [string, object])[] = [
      ["debits", { debits: [] }],
      ["debits.1.amount", { debits: [debitOf(1), debitOf(0)] }],
      ["debits.0.amount", { debits: [debitOf(1.5)] }],
      ["debits.0.key", { debits: [debitOf(1, "")] }],
      ["debits.0.key", { debits: [debitOf(1, "ключ")] }],
      ["debits.0.price", { debits: [{ ...debitOf(1), price: 3 }] }],
      ["debits.0.workspaceId", { debits: [{ ...debitOf(1), workspaceId: ledger.workspace }] }],
      ["mode", { mode: "some", debits: [debitOf(1)] }],
    ];
    for (const [path, body] of wrong) {
      const { status, body: answer } = await ledger.ask("debits/bulk", body);
      expect([status, answer.error?.details?.[0]?.path]).toEqual([400, path]);
    }
    const matched = await ledger.ask("debits/bulk", { debits: [debitOf(1)] }, { "if-match": '"1"' });
    expect([matched.status, matched.body.error.code]).toEqual([400, "REVISION_NOT_EXPECTABLE"]);
    expect(await ledger.exportText()).toBe(before);
  });

  test("one member's keys are not another's", async () => {
    const ledger = await newLedger(api, ada, 100);
    const grace = await signedIn(api, { colleagueOf: ada });
    const path = `/workspaces/${ledger.workspace}/members`;
    expectStatus(201, await api.post(path, { email: grace.email, role: "member" }, { token: ada.accessToken }));
    const debit = debitOf(10, "run-1");
    const hers = ledgerOf(api, grace, ledger.workspace);
    expect(statusesIn(expectStatus(200, await sent(ledger, [debit])))).toEqual(["written"]);
    expect(statusesIn(expectStatus(200, await sent(hers, [debit])))).toEqual(["written"]);
    expect((await ledger.billing()).creditBalance).toBe(80);
  });
});
