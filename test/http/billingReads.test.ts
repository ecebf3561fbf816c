import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Route } from "../../src/http/route.ts";
import { type Ledger, ledgerOf, newLedger, upTo } from "../properties/ledger.ts";
import { type Client, client, expectStatus, type SignedIn, signedIn } from "../support/client.ts";
import { installation } from "../support/everfold.ts";
import { outcomeOf } from "./bookkeeping.ts";

const stack = new AsyncDisposableStack();
/** Two processes on one event store and one database. */
let apis: readonly [Client, Client];
let api: Client;
let routes: readonly Route[];
let ada: SignedIn;
beforeAll(async () => {
  const { everfold } = await installation(stack);
  const [first, second] = [await everfold(), await everfold({ ROLES: "api" })];
  apis = [client(first.url), client(second.url)];
  [api, routes] = [apis[0], first.routes];
  ada = await signedIn(api);
});
afterAll(() => stack.disposeAsync());

const description = "Enrich";
const today = () => new Date().toISOString().slice(0, 10);
/** A moment of its own, which nothing written before or after it has. */
const moment = async (): Promise<string> => {
  const later = (than: number) => vi.waitFor(() => expect(Date.now()).toBeGreaterThan(than), { interval: 1 });
  await later(Date.now());
  const at = Date.now();
  await later(at);
  return new Date(at).toISOString();
};
const debited = async (ledger: Ledger, amount: number, more: object = {}) =>
  expectStatus(201, await ledger.ask("debits", { amount, description, ...more })).transaction;
type Row = { id: string };

describe("the list of transactions", () => {
  const page = async (ledger: Ledger, query: string) => {
    const answer = await ledger.look(`/transactions?${query}`);
    return { rows: expectStatus(200, answer) as Row[], meta: answer.body.meta };
  };

  test("is filtered by type, category, reference and time, and each line says what it did", async () => {
    const ledger = await newLedger(api, ada, 100);
    const before = await moment();
    await debited(ledger, 1, { category: "enrichment", referenceId: "run-1" });
    await debited(ledger, 2, { category: "enrichment" });
    const { id } = await debited(ledger, 3, { category: "search", referenceId: "run-1" });
    expectStatus(201, await ledger.ask(`transactions/${id}/refunds`, { amount: 1, description: "Not found" }));
    const amounts = async (query: string) => (await ledger.see(`/transactions?${query}`)).map(amountOf);
    const amountOf = ({ change }: { change: number }) => change;
    expect(await amounts("type=debit")).toEqual([-3, -2, -1]);
    expect(await amounts("category=enrichment")).toEqual([-2, -1]);
    expect(await amounts("referenceId=run-1")).toEqual([-3, -1]);
    expect(await amounts("referenceId=run-1&category=search&type=debit")).toEqual([-3]);
    expect(await amounts("type=refund")).toEqual([1]);
    expect(await amounts(`from=${before}`)).toEqual([1, -3, -2, -1]);
    expect(await amounts(`to=${before}`)).toEqual([100]);
    expect((await page(ledger, "type=debit&limit=1")).meta.total).toBe(3);
    expect((await ledger.see(`/transactions/${id}`)).refunded).toBe(1);
    for (const wrong of ["type=gift", "from=yesterday", "category=", "cursor=abc", "colour=red"])
      expect(outcomeOf(await ledger.look(`/transactions?${wrong}`))).toEqual([400, "VALIDATION_ERROR"]);
  });

  test("goes on by a cursor that brings its filters, and lists each line once while others are written", async () => {
    const ledger = await newLedger(api, ada, 1_000);
    for (let run = 0; run < 12; run += 1) await debited(ledger, 1, { category: run % 2 ? "odd" : "even" });
    const first = await page(ledger, "type=debit&category=even&limit=2");
    expect(first.meta).toMatchObject({ page: 1, limit: 2, total: 6, nextCursor: expect.any(String) });
    const listed = [...first.rows];
    for (let cursor = first.meta.nextCursor; cursor !== null; ) {
      await debited(ledger, 1, { category: "even" });
      const { rows, meta } = await page(ledger, `limit=2&cursor=${cursor}`);
      expect(Object.keys(meta).sort()).toEqual(["limit", "nextCursor", "total"]);
      listed.push(...rows);
      cursor = meta.nextCursor;
    }
    const all = (await page(ledger, "type=debit&category=even&limit=100")).rows.toReversed();
    expect(listed.toReversed()).toEqual(all.slice(0, 6));
    for (const beside of ["page=2", "type=debit", "page=1&category=odd"])
      expect(outcomeOf(await ledger.look(`/transactions?cursor=${first.meta.nextCursor}&${beside}`))).toEqual([
        400,
        "VALIDATION_ERROR",
      ]);
  });

  test("of another ledger is not reached with a cursor of this one", async () => {
    const [mine, other] = [await newLedger(api, ada, 100), await newLedger(api, ada, 100)];
    for (let run = 0; run < 3; run += 1) await debited(mine, 1);
    const { meta } = await page(mine, "limit=1");
    const ids = (await mine.allTransactions()).map(({ id }) => id);
    const { rows } = await page(other, `cursor=${meta.nextCursor}`);
    expect(rows.filter(({ id }) => ids.includes(id))).toEqual([]);
  });
});

describe("a hold", () => {
  test("is listed by what has become of it, and found by its id", async () => {
    const ledger = await newLedger(api, ada, 100);
    const placed = async (amount: number) =>
      expectStatus(201, await ledger.ask("holds", { amount, description, category: "enrichment" })).hold;
    const [open, captured, released] = [await placed(10), await placed(20), await placed(30)];
    expectStatus(201, await ledger.ask(`holds/${captured.id}/captures`, { amount: 15 }));
    expectStatus(200, await ledger.ask(`holds/${released.id}/release`));
    const ids = async (query: string) => (await ledger.see(`/holds${query}`)).map(({ id }: Row) => id);
    expect(await ids("")).toEqual([open.id]);
    expect(await ids("?status=open")).toEqual([open.id]);
    expect(await ids("?status=captured")).toEqual([captured.id]);
    expect(await ids("?status=released")).toEqual([released.id]);
    expect(await ids("?status=expired")).toEqual([]);
    const placedBy = { kind: "user", id: ada.id };
    expect(await ledger.see(`/holds/${open.id}`)).toMatchObject({ ...open, status: "open", captured: 0, placedBy });
    expect(await ledger.see(`/holds/${captured.id}`)).toMatchObject({ status: "captured", captured: 15, remaining: 0 });
    expect(outcomeOf(await ledger.look(`/holds/${randomUUID()}`))).toEqual([404, "RESOURCE_NOT_FOUND"]);
    expect(outcomeOf(await ledger.look("/holds?status=lost"))).toEqual([400, "VALIDATION_ERROR"]);
  });
});

describe("the past", () => {
  test("has a balance at every moment and every revision", async () => {
    const ledger = await newLedger(api, ada, 100);
    await debited(ledger, 40);
    const between = await moment();
    expectStatus(201, await ledger.ask("holds", { amount: 10, description }));
    const balance = (query: string) => ledger.see(`/balance${query}`);
    expect(await balance("")).toEqual({ balance: 60, held: 10, available: 50, ledgerRevision: 3 });
    expect(await balance(`?at=${between}`)).toEqual({ balance: 60, held: 0, available: 60, ledgerRevision: 2 });
    expect(await balance("?revision=1")).toEqual({ balance: 100, held: 0, available: 100, ledgerRevision: 1 });
    expect(await balance("?revision=0")).toMatchObject({ balance: 0, ledgerRevision: 0 });
    const at = "2020-01-01T00:00:00.000Z";
    expect(outcomeOf(await ledger.look(`/balance?at=${at}`))).toEqual([404, "RESOURCE_NOT_FOUND"]);
    const noRevisions = ["-1", "1.5", "", "0x10", "1e3", "%201", "99999999999999999999"];
    for (const wrong of [`at=${at}&revision=1`, "at=noon", ...noRevisions.map((text) => `revision=${text}`)])
      expect(outcomeOf(await ledger.look(`/balance?${wrong}`))).toEqual([400, "VALIDATION_ERROR"]);
  });

  test("has days that follow from each other", async () => {
    const ledger = await newLedger(api, ada, 100);
    const { id } = await debited(ledger, 40);
    expectStatus(201, await ledger.ask(`transactions/${id}/refunds`, { amount: 15, description }));
    const { days, ...asked } = await ledger.see("/history");
    expect([asked.to, days.length]).toEqual([today(), 31]);
    expect(days.at(-1)).toMatchObject({ day: today(), opening: 0, granted: 100, spent: 40, refunded: 15, closing: 75 });
    expect(days.at(0)).toMatchObject({ opening: 0, closing: 0, transactions: 0 });
    const [from, to] = ["2026-01-01", "2026-01-03"];
    expect((await ledger.see(`/history?from=${from}&to=${to}`)).days).toHaveLength(3);
    for (const wrong of ["from=2026-01-02&to=2026-01-01", "from=2024-01-01&to=2026-01-01", "from=2026-02-30"])
      expect(outcomeOf(await ledger.look(`/history?${wrong}`))).toEqual([400, "VALIDATION_ERROR"]);
  });

  test("has what was spent on what, by whom and when", async () => {
    const ledger = await newLedger(api, ada, 100);
    const grace = await signedIn(api, { colleagueOf: ada });
    const members = `/workspaces/${ledger.workspace}/members`;
    expectStatus(201, await api.post(members, { email: grace.email, role: "member" }, { token: ada.accessToken }));
    await debited(ledger, 10, { category: "enrichment" });
    await debited(ledgerOf(api, grace, ledger.workspace), 20, { category: "search" });
    await debited(ledger, 5);
    expect(await ledger.see("/usage")).toMatchObject([
      { category: "search", spent: 20, debits: 1 },
      { category: "enrichment", spent: 10, debits: 1 },
      { category: null, spent: 5, debits: 1 },
    ]);
    expect(await ledger.see("/usage?groupBy=member")).toMatchObject([
      { member: { kind: "user", id: grace.id }, spent: 20, debits: 1 },
      { member: { kind: "user", id: ada.id }, spent: 15, debits: 2 },
    ]);
    expect(await ledger.see("/usage?groupBy=day")).toMatchObject([{ day: today(), spent: 35, debits: 3 }]);
    expect(outcomeOf(await ledger.look("/usage?groupBy=mood"))).toEqual([400, "VALIDATION_ERROR"]);
  });
});

test("lots are listed in the order they are spent in", async () => {
  const ledger = await newLedger(api, ada, 100);
  const soon = new Date(Date.now() + 86_400_000).toISOString();
  const grant = async (amount: number, terms: object) =>
    expectStatus(201, await ledger.ask("credits", { amount, description, ...terms }));
  await grant(10, { kind: "promotional" });
  await grant(20, { priority: 1 });
  await grant(30, { expiresAt: soon });
  await grant(40, { effectiveAt: soon });
  await debited(ledger, 25);
  const lots = await ledger.see("/lots");
  expect(lots.map(({ lot, status, remaining }: Record<string, unknown>) => [lot, status, remaining])).toEqual([
    [2, "active", 5],
    [4, "active", 30],
    [1, "active", 100],
    [5, "waiting", 40],
  ]);
});

test("budgets say what is spent of them, and alerts what was told", async () => {
  const ledger = await newLedger(api, ada, 100);
  const scope = { kind: "workspace" };
  expectStatus(201, await ledger.ask("budgets", { scope, limit: 50, period: "day", alertsAt: [50] }));
  expectStatus(200, await ledger.set("alerts", { threshold: 80 }));
  await debited(ledger, 30);
  expect(await ledger.see("/budgets")).toMatchObject([
    { scope, limit: 50, spent: 30, periodStart: `${today()}T00:00:00.000Z` },
  ]);
  const alerts = await ledger.see("/alerts");
  expect(alerts.map(({ kind, threshold, credits }: Record<string, unknown>) => [kind, threshold, credits])).toEqual([
    ["low_balance", 80, 70],
    ["budget_threshold", 50, 30],
  ]);
});

test("seals are listed, exported behind the ledger they seal, and signed with the key that is published", async () => {
  const ledger = await newLedger(api, ada, 100);
  const first = expectStatus(201, await ledger.ask("seals"));
  expect(first).toMatchObject({ workspaceId: ledger.workspace, revision: 1 });
  expect(expectStatus(201, await ledger.ask("seals"))).toEqual(first);
  await debited(ledger, 10);
  const second = expectStatus(201, await ledger.ask("seals"));
  expect(await ledger.see("/seals")).toEqual([second, first]);
  const { keys } = JSON.parse(JSON.stringify((await api.get("/.well-known/ledger-keys.json")).body));
  expect(keys).toMatchObject([{ kty: "OKP", crv: "Ed25519", kid: first.keyId }]);
  const lines = String((await ledger.look("/export")).body)
    .trim()
    .split("\n");
  expect(lines.map((line) => JSON.parse(line)).map(({ type, seal }) => type ?? seal.revision)).toEqual([
    ...["LedgerOpened", "CreditsPurchased", "CreditsDebited"],
    ...[1, 2],
  ]);
});

describe("every read of a ledger", () => {
  const reads = () => routes.filter(({ method, path }) => method === "GET" && path.includes("/billing"));
  const pathIn = (path: string, ids: Readonly<Record<string, string>>) =>
    path.replace("/api/v1", "").replaceAll(/:(\w+)/g, (_, name: string) => ids[name] ?? name);

  test("is 404 for another tenant, and 404 for what is another ledger's", async () => {
    const [ledger, other] = [await newLedger(api, ada, 100), await newLedger(api, ada, 100)];
    const grace = await signedIn(api);
    const { id: transactionId } = await debited(ledger, 10);
    const { hold } = expectStatus(201, await ledger.ask("holds", { amount: 10, description }));
    const ids = { workspaceId: ledger.workspace, transactionId, holdId: hold.id };
    expect(reads().length).toBeGreaterThan(13);
    for (const { name, path } of reads()) {
      const mine = await api.get(pathIn(path, ids), { token: ada.accessToken });
      const hers = await api.get(pathIn(path, ids), { token: grace.accessToken });
      expect([name, mine.status, ...outcomeOf(hers)]).toEqual([name, 200, 404, "RESOURCE_NOT_FOUND"]);
    }
    for (const what of [`/transactions/${transactionId}`, `/holds/${hold.id}`])
      expect(outcomeOf(await other.look(what))).toEqual([404, "RESOURCE_NOT_FOUND"]);
  });

  test("of a ledger shows nothing of another one of the same tenant", async () => {
    const [full, empty] = [await newLedger(api, ada, 100), await newLedger(api, ada)];
    await debited(full, 10, { category: "enrichment" });
    expectStatus(201, await full.ask("holds", { amount: 10, description }));
    expectStatus(201, await full.ask("budgets", { scope: { kind: "workspace" }, limit: 50, period: "day" }));
    expectStatus(201, await full.ask("seals"));
    expectStatus(200, await full.set("alerts", { threshold: 1_000 }));
    for (const list of ["transactions", "holds", "lots", "budgets", "alerts", "usage", "seals"]) {
      expect([list, (await full.see(`/${list}`)).length]).toEqual([list, list === "transactions" ? 2 : 1]);
      expect([list, await empty.see(`/${list}`)]).toEqual([list, []]);
    }
    expect((await empty.see("/history")).days.at(-1)).toMatchObject({ transactions: 0, closing: 0 });
  });

  test("ES-06: shows what its reader just wrote, here at once and elsewhere with the position", async () => {
    const ledger = await newLedger(api, ada, 1_000);
    const elsewhere = ledgerOf(apis[1], ada, ledger.workspace);
    for (let run = 1; run <= 20; run += 1) {
      const answer = await ledger.ask("debits", { amount: 1, description });
      const { transaction } = expectStatus(201, answer);
      const position = { "x-event-position": answer.headers.get("x-event-position") ?? "" };
      const [here, there] = [await ledger.billing(), await elsewhere.billing(position)];
      expect([here.creditBalance, there.creditBalance]).toEqual([1_000 - run, 1_000 - run]);
      expect((await elsewhere.see(`/transactions/${transaction.id}`, position)).id).toBe(transaction.id);
    }
    const lines = await ledger.lines();
    expect((await elsewhere.see("/lots", upTo(lines)))[0].remaining).toBe(980);
  });
});
