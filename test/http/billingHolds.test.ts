import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ledger, movements, newLedger } from "../properties/ledger.ts";
import { type Client, expectStatus, type SignedIn } from "../support/client.ts";
import { bookkeeping, keyed, outcomeOf } from "./bookkeeping.ts";

const stack = new AsyncDisposableStack();
let api: Client;
let ada: SignedIn;
beforeAll(async () => {
  ({ api, ada } = await bookkeeping(stack));
});
afterAll(() => stack.disposeAsync());

const held = async (ledger: Ledger, amount: number, more: object = {}) =>
  expectStatus(201, await ledger.ask("holds", { amount, description: "Run 43", ...more })).hold;
const standing = async (ledger: Ledger) => {
  const { creditBalance, held: reserved, available } = await ledger.billing();
  return [creditBalance, reserved, available];
};

describe("a hold", () => {
  test("sets credits aside that nobody else can spend, and still belong to the ledger", async () => {
    const ledger = await newLedger(api, ada, 100);
    const about = { referenceId: "run-43", category: "enrichment", timeoutSeconds: 60 };
    const answer = expectStatus(201, await ledger.ask("holds", { amount: 70, description: "Run 43", ...about }));
    const { timeoutSeconds: _, ...told } = about;
    expect(answer).toMatchObject({
      hold: { id: expect.any(String), amount: 70, remaining: 70, description: "Run 43", ...told },
      ...{ balance: 100, held: 70, available: 30 },
    });
    expect(await standing(ledger)).toEqual([100, 70, 30]);
    const { status, body } = await ledger.ask("debits", { amount: 31, description: "Enrich" });
    expect([status, body.error]).toMatchObject([
      402,
      { code: "INSUFFICIENT_CREDITS", details: { balance: 100, held: 70, available: 30, required: 31, shortfall: 1 } },
    ]);
    expect(outcomeOf(await ledger.ask("holds", { amount: 31, description: "Run 44" }))).toEqual([
      402,
      "INSUFFICIENT_CREDITS",
    ]);
  });

  test("is captured as a whole unless told, with what it was placed for", async () => {
    const ledger = await newLedger(api, ada, 100);
    const { id } = await held(ledger, 70, { referenceId: "run-43", category: "enrichment" });
    const captured = expectStatus(201, await ledger.ask(`holds/${id}/captures`));
    expect(captured).toMatchObject({
      transaction: { type: "debit", amount: 70, change: -70, balanceAfter: 30, description: "Run 43" },
      ...{ released: 0, remaining: 0, balance: 30, held: 0, available: 30 },
    });
    expect(captured.transaction).toMatchObject({ referenceId: "run-43", category: "enrichment" });
    expect(await standing(ledger)).toEqual([30, 0, 30]);
  });

  test("is captured in part, and gives back the rest", async () => {
    const ledger = await newLedger(api, ada, 100);
    const { id } = await held(ledger, 70);
    const captured = expectStatus(201, await ledger.ask(`holds/${id}/captures`, { amount: 45 }));
    expect(captured).toMatchObject({ released: 25, remaining: 0, balance: 55, held: 0, available: 55 });
    expect(outcomeOf(await ledger.ask(`holds/${id}/captures`, { amount: 1 }))).toEqual([409, "HOLD_NOT_OPEN"]);
  });

  test("is captured in several parts, up to what it reserves and no further", async () => {
    const ledger = await newLedger(api, ada, 100);
    const { id } = await held(ledger, 70);
    const part = (amount: number) => ledger.ask(`holds/${id}/captures`, { amount, final: false });
    expect(expectStatus(201, await part(30))).toMatchObject({ remaining: 40, held: 40, available: 30, released: 0 });
    const tooMuch = await part(41);
    expect([tooMuch.status, tooMuch.body.error]).toMatchObject([
      422,
      { code: "CAPTURE_EXCEEDS_HOLD", details: { holdId: id, remaining: 40, required: 41 } },
    ]);
    expect(expectStatus(201, await part(40))).toMatchObject({ remaining: 0, held: 0, balance: 30, available: 30 });
    expect(outcomeOf(await part(1))).toEqual([409, "HOLD_NOT_OPEN"]);
  });

  test("is released once, and nothing of it was spent", async () => {
    const ledger = await newLedger(api, ada, 100);
    const { id } = await held(ledger, 70);
    expect(expectStatus(200, await ledger.ask(`holds/${id}/release`))).toEqual({
      ...{ released: 70, balance: 100, held: 0, available: 100 },
    });
    for (const again of ["release", "captures"])
      expect(outcomeOf(await ledger.ask(`holds/${id}/${again}`))).toEqual([409, "HOLD_NOT_OPEN"]);
    expect(movements(await ledger.lines())).toHaveLength(1);
  });

  test("placed, captured or released again under the same key is answered as the first time", async () => {
    const ledger = await newLedger(api, ada, 100);
    const key = keyed();
    const placing = { amount: 20, description: "Run 43" };
    const placed = [await ledger.ask("holds", placing, key), await ledger.ask("holds", placing, key)];
    const other = keyed();
    const { id } = expectStatus(201, placed[0] ?? expect.fail()).hold;
    const captured = [
      await ledger.ask(`holds/${id}/captures`, { amount: 5 }, other),
      await ledger.ask(`holds/${id}/captures`, { amount: 5 }, other),
    ];
    for (const [first, second] of [placed, captured]) {
      expect(second?.body).toEqual(first?.body);
      expect([first, second].map((answer) => answer?.headers.get("idempotency-hit"))).toEqual([null, "true"]);
    }
    expect(await standing(ledger)).toEqual([95, 0, 95]);
  });

  test("of another ledger is not open here, though one key placed both", async () => {
    const [here, there] = [await newLedger(api, ada, 100), await newLedger(api, ada, 100)];
    const key = keyed();
    const placing = { amount: 20, description: "Run 43" };
    const ids = [await here.ask("holds", placing, key), await there.ask("holds", placing, key)].map(
      (answer) => expectStatus(201, answer).hold.id,
    );
    expect(new Set(ids).size).toBe(2);
    expect(outcomeOf(await here.ask(`holds/${ids[1]}/captures`))).toEqual([409, "HOLD_NOT_OPEN"]);
    expect(await standing(there)).toEqual([100, 20, 80]);
  });

  test("is refused when anything in it is not as it must be", async () => {
    const ledger = await newLedger(api, ada, 100);
    const before = await ledger.exportText();
    const placing = { amount: 10, description: "Run" };
    const wrong: [string, object][] = [
      ["amount", { ...placing, amount: 0 }],
      ["timeoutSeconds", { ...placing, timeoutSeconds: 30 * 86_400 + 1 }],
      ["timeoutSeconds", { ...placing, timeoutSeconds: 0 }],
      ["holdId", { ...placing, holdId: randomUUID() }],
      ["category", { ...placing, category: "" }],
    ];
    for (const [path, body] of wrong) {
      const { status, body: answer } = await ledger.ask("holds", body);
      expect([status, answer.error.details[0].path]).toEqual([400, path]);
    }
    expect(outcomeOf(await ledger.ask("holds/first/captures"))).toEqual([400, "VALIDATION_ERROR"]);
    expect(outcomeOf(await ledger.ask(`holds/${randomUUID()}/release`))).toEqual([409, "HOLD_NOT_OPEN"]);
    expect(await ledger.exportText()).toBe(before);
  });

  test("is bound to the revision that was read, when one was", async () => {
    const ledger = await newLedger(api, ada, 100);
    const etag = (await ledger.look("")).headers.get("etag") ?? "";
    const placing = { amount: 10, description: "Run" };
    const placed = await ledger.ask("holds", placing, { "if-match": etag });
    expect([placed.status, placed.headers.get("etag")]).toEqual([201, '"2"']);
    expect(outcomeOf(await ledger.ask("holds", placing, { "if-match": etag }))).toEqual([412, "REVISION_MISMATCH"]);
  });
});
