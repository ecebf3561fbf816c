import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ledger, newLedger } from "../properties/ledger.ts";
import { type Answer, type Client, expectStatus, type SignedIn } from "../support/client.ts";
import { bookkeeping } from "./bookkeeping.ts";

const stack = new AsyncDisposableStack();
let api: Client;
let ada: SignedIn;
beforeAll(async () => {
  ({ api, ada } = await bookkeeping(stack));
});
afterAll(() => stack.disposeAsync());

const description = "Enrich";
const workspaceBudget = { scope: { kind: "workspace" }, limit: 500, period: "month" };

/** A ledger with something of everything in it, and the ids of that. */
const furnished = async () => {
  const [ledger, other] = [await newLedger(api, ada, 1_000), await newLedger(api, ada)];
  const { transaction } = expectStatus(201, await ledger.ask("debits", { amount: 10, description }));
  const { hold } = expectStatus(201, await ledger.ask("holds", { amount: 100, description }));
  const { budget } = expectStatus(201, await ledger.ask("budgets", workspaceBudget));
  return { ledger, other, debit: transaction.id, hold: hold.id, budget: budget.id };
};
type Furnished = Awaited<ReturnType<typeof furnished>>;

type Call = { does: string; on: (ids: Furnished) => readonly ["ask" | "set" | "remove", string, object?] };

/** What every call would be answered with; ids and times of what is made are new each time. */
const calls: readonly Call[] = [
  { does: "credits", on: () => ["ask", "credits", { amount: 5, description, kind: "promotional" }] },
  { does: "an adjustment", on: () => ["ask", "adjustments", { amount: -5, reason: description }] },
  { does: "a debit", on: () => ["ask", "debits", { amount: 5, description, category: "enrichment" }] },
  { does: "debits in bulk", on: () => ["ask", "debits/bulk", { debits: [{ key: "a", amount: 5, description }] }] },
  { does: "a hold", on: () => ["ask", "holds", { amount: 5, description }] },
  { does: "a capture", on: ({ hold }) => ["ask", `holds/${hold}/captures`, { amount: 5, final: false }] },
  { does: "a release", on: ({ hold }) => ["ask", `holds/${hold}/release`] },
  { does: "a refund", on: ({ debit }) => ["ask", `transactions/${debit}/refunds`, { amount: 5, description }] },
  {
    does: "a transfer",
    on: ({ other }) => ["ask", "transfers", { toWorkspaceId: other.workspace, amount: 5, description }],
  },
  { does: "the credit limit", on: () => ["set", "credit-limit", { creditLimit: 0 }] },
  { does: "automatic recharge", on: () => ["set", "auto-recharge", { enabled: true, threshold: 5, amount: 50 }] },
  { does: "the balance alert", on: () => ["set", "alerts", { threshold: 5 }] },
  { does: "a new budget", on: () => ["ask", "budgets", workspaceBudget] },
  { does: "a budget", on: ({ budget }) => ["set", `budgets/${budget}`, { ...workspaceBudget, limit: 400 }] },
  { does: "a budget's end", on: ({ budget }) => ["remove", `budgets/${budget}`] },
];

const made = async (furniture: Furnished, { on }: Call, query: string, headers: object = {}): Promise<Answer> => {
  const [verb, what, body = {}] = on(furniture);
  const { ledger } = furniture;
  return verb === "remove" ? ledger.remove(`${what}${query}`, headers) : ledger[verb](`${what}${query}`, body, headers);
};

/** Everything there is to be seen of a ledger. */
const seen = async (ledger: Ledger) => [
  await ledger.exportText(),
  (await ledger.look("")).headers.get("etag"),
  await ledger.billing(),
];

/** Without what is new each time. */
const lasting = (data: object) =>
  JSON.parse(JSON.stringify(data), (key, value) =>
    ["id", "createdAt", "expiresAt", "transferId"].includes(key) ? "new" : value,
  );

describe("a dry run", () => {
  test.for(calls)("of $does answers what the call does, and writes nothing", async (call) => {
    const furniture = await furnished();
    const before = await seen(furniture.ledger);
    const tried = await made(furniture, call, "?dryRun=true");
    expect(await seen(furniture.ledger)).toEqual(before);
    const done = await made(furniture, call, "?dryRun=false");
    expect([200, 201]).toContain(done.status);
    expect([tried.status, lasting(tried.body.data)]).toEqual([done.status, lasting(done.body.data)]);
    expect([tried.body.meta.dryRun, done.body.meta.dryRun]).toEqual([true, undefined]);
    expect(BigInt(tried.body.meta.position)).toBeLessThan(BigInt(done.body.meta.position));
    expect(await seen(furniture.ledger)).not.toEqual(before);
  });

  test("is refused as the call is, with its status, code and details", async () => {
    const ledger = await newLedger(api, ada, 100);
    const asked: readonly (readonly [string, object])[] = [
      ["debits", { amount: 101, description }],
      ["debits", { amount: 0, description }],
      ["holds", { amount: 101, description }],
      ["adjustments", { amount: -101, reason: description }],
      [`holds/${randomUUID()}/release`, {}],
      [`transactions/${randomUUID()}/refunds`, { description }],
      ["debits/bulk", { mode: "all_or_nothing", debits: [{ key: "a", amount: 101, description }] }],
    ];
    for (const [what, body] of asked) {
      const [tried, done] = [await ledger.ask(`${what}?dryRun=true`, body), await ledger.ask(what, body)];
      expect(done.status).toBeGreaterThanOrEqual(400);
      expect([tried.status, tried.body.error]).toEqual([done.status, done.body.error]);
    }
  });

  test("leaves its key to the call, and tells of a key that was used", async () => {
    const ledger = await newLedger(api, ada, 100);
    const key = { "idempotency-key": randomUUID() };
    const debit = { amount: 5, description };
    const tried = await ledger.ask("debits?dryRun=true", { amount: 7, description }, key);
    const first = await ledger.ask("debits", debit, key);
    const again = await ledger.ask("debits?dryRun=true", debit, key);
    expect([tried, first, again].map(({ headers }) => headers.get("idempotency-hit"))).toEqual([null, null, "true"]);
    expect(again.body.data).toEqual(expectStatus(201, first));
    const other = await ledger.ask("debits?dryRun=true", { amount: 7, description }, key);
    expect([other.status, other.body.error.code]).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
    expect((await ledger.billing()).creditBalance).toBe(95);
  });

  test("of many debits tries each on what those before it would leave", async () => {
    const ledger = await newLedger(api, ada, 100);
    const debits = ["a", "b", "c"].map((key) => ({ key, amount: 40, description }));
    const tried = expectStatus(200, await ledger.ask("debits/bulk?dryRun=true", { debits }));
    expect(tried).toMatchObject({ balance: 20, written: 2, refused: 1, results: [{}, {}, { status: "refused" }] });
    expect((await ledger.billing()).creditBalance).toBe(100);
  });

  test("is never taken for a call: what cannot be tried refuses to be", async () => {
    const ledger = await newLedger(api, ada, 100);
    const before = await seen(ledger);
    const token = ada.accessToken;
    const asked = [
      await ledger.ask("seals?dryRun=true"),
      await ledger.ask("debits?dryrun=true", { amount: 1, description }),
      await ledger.ask("debits?dryRun=yes", { amount: 1, description }),
      await ledger.ask("debits?dryRun=true&dryRun=true", { amount: 1, description }),
      await api.put(`/workspaces/${ledger.workspace}?dryRun=true`, { name: "Other" }, { token }),
    ];
    for (const { status, body } of asked) expect([status, body.error.code]).toEqual([400, "VALIDATION_ERROR"]);
    expect(await seen(ledger)).toEqual(before);
  });
});
