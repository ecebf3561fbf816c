import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigureBalanceAlert } from "../../../src/commands/credits/alerts.ts";
import { DebitCredits } from "../../../src/commands/credits/debits.ts";
import { AddCredits } from "../../../src/commands/credits/grants.ts";
import { CaptureHold, PlaceHold, ReleaseHold } from "../../../src/commands/credits/holds.ts";
import { ConfigureAutoRecharge, DeclineRecharge } from "../../../src/commands/credits/recharge.ts";
import { RefundDebit } from "../../../src/commands/credits/refunds.ts";
import { alertsOf } from "../../../src/projections/ledger/alerts.ts";
import { balanceAt } from "../../../src/projections/ledger/balanceAt.ts";
import { billingOf } from "../../../src/projections/ledger/billing.ts";
import { dueLedgers } from "../../../src/projections/ledger/dueLedgers.ts";
import { holdOf, holdsOf } from "../../../src/projections/ledger/holdsOf.ts";
import {
  continuationIn,
  cursorOf,
  TransactionCursor,
  type TransactionFilter,
} from "../../../src/projections/ledger/transactionCursor.ts";
import { transactionOf, transactionsOf } from "../../../src/projections/ledger/transactionsOf.ts";
import { usageOf } from "../../../src/projections/ledger/usage.ts";
import { later, ledgerStory, workspaceId } from "../../domain/ledgerStory.ts";
import { as, id } from "../../spec.ts";
import { requests, storyOf, transactionId } from "./stories.ts";
import { writtenLedgers } from "./written.ts";

const stack = new AsyncDisposableStack();
let ledgers: Awaited<ReturnType<typeof writtenLedgers>>;
beforeAll(async () => {
  ledgers = await writtenLedgers(stack);
});
afterAll(() => stack.disposeAsync());

const page = { limit: 100, offset: 0 };
const written = (story: ReturnType<typeof ledgerStory>) =>
  ledgers.write(story.history.map((event) => ({ ...event, id: transactionId(event.revision) })));
const at = (minutes: number) => String(later(minutes).now);
const about = (description: string) => ({ description });

describe("a day at work", () => {
  const story = ledgerStory();
  const { ask } = story;
  story.buys(1_000);
  const debit = { amount: 100, description: "Find e-mails", category: "emails", referenceId: "run-1" };
  const [debited] = ask(DebitCredits, debit, later(10)).events;
  const debitId = transactionId(debited?.revision ?? -1n);
  ask(DebitCredits, { amount: 30, ...about("Find phones"), category: "phones" }, { ...later(20), ...as("bob") });
  const parts = [{ lot: 1, amount: 100, kind: "purchased" as const, priority: 50, expiresAt: null }];
  const given = { amount: 100, parts, charges: [], debitedAt: at(10) };
  ask(RefundDebit, { transactionId: debitId, amount: 25, ...about("Half was wrong"), debit: given }, later(30));
  const hold = { holdId: id("hold"), amount: 200, ...about("A run"), category: "emails", timeoutSeconds: 3_600 };
  ask(PlaceHold, hold, { ...later(40), ...as("bob") });
  ask(CaptureHold, { holdId: hold.holdId, amount: 50, final: false }, { ...later(50), ...as("bob") });
  beforeAll(() => written(story));

  const lines = (filter: TransactionFilter = {}) =>
    ledgers.read(async (read) => (await transactionsOf(read, workspaceId, { ...page, ...filter })).rows);

  test("BILL-05: its lines are listed newest first, each with the balance after it", async () => {
    expect(await lines()).toMatchObject([
      { type: "debit", change: -50, balanceAfter: 845, heldAfter: 150, availableAfter: 695, holdId: hold.holdId },
      { type: "refund", change: 25, balanceAfter: 895, debitId, description: "Half was wrong" },
      { type: "debit", change: -30, balanceAfter: 870, category: "phones", actor: { kind: "user", id: id("bob") } },
      { type: "debit", change: -100, amount: 100, balanceAfter: 900, referenceId: "run-1", refunded: 25 },
      { type: "purchase", change: 1_000, balanceAfter: 1_000, heldAfter: 0, availableAfter: 1_000 },
    ]);
  });

  test("a line is found by its id, which says where it stands", async () => {
    const found = (transaction: string) => ledgers.read((read) => transactionOf(read, workspaceId, transaction));
    expect(await found(debitId)).toMatchObject({ id: debitId, revision: 2, refunded: 25, createdAt: at(10) });
    expect(await found(id("somewhere else"))).toBeUndefined();
    expect(await found("4fd4cd35-4f3d-4d4a-8ad6-7e5ba1cf0000")).toBeUndefined();
    expect(await found(transactionId(5n))).toBeUndefined();
  });

  test.each<[string, TransactionFilter, number[]]>([
    ["type", { type: "refund" }, [25]],
    ["category", { category: "emails" }, [-50, -100]],
    ["reference", { referenceId: "run-1" }, [-100]],
    ["time, from it on and before it", { from: at(20), to: at(50) }, [25, -30]],
    ["all of these", { type: "debit", category: "emails", from: at(20) }, [-50]],
  ])("lines can be picked out by %s", async (_, filter, changes) => {
    expect((await lines(filter)).map(({ change }) => change)).toEqual(changes);
    const { total } = await ledgers.read((read) =>
      transactionsOf(read, workspaceId, { limit: 1, offset: 0, ...filter }),
    );
    expect(total).toBe(changes.length);
  });

  test("usage is told by category, by member and by day, refunds with what they give back", async () => {
    const used = async (groupBy: "category" | "member" | "day") => {
      const days = { from: "2026-03-01", to: "2026-03-01" };
      return (await ledgers.read((read) => usageOf(read, workspaceId, { ...page, groupBy, ...days }))).rows;
    };
    const nobody = { day: null, category: null, member: null };
    const person = (name: string) => ({ kind: "user", id: id(name) });
    expect(await used("category")).toEqual([
      { ...nobody, category: "emails", debits: 2, spent: 150, refunded: 25 },
      { ...nobody, category: "phones", debits: 1, spent: 30, refunded: 0 },
    ]);
    expect(await used("member")).toEqual([
      { ...nobody, member: person("ada"), debits: 1, spent: 100, refunded: 25 },
      { ...nobody, member: person("bob"), debits: 2, spent: 80, refunded: 0 },
    ]);
    const beyond = { groupBy: "member" as const, from: "2026-03-01", to: "2026-03-01", limit: 10, offset: 90 };
    expect(await ledgers.read((read) => usageOf(read, workspaceId, beyond))).toEqual({ rows: [], total: 2 });
    expect(await used("day")).toEqual([{ ...nobody, day: "2026-03-01", debits: 3, spent: 180, refunded: 25 }]);
  });

  test("the balance at any moment is the one after what had happened until then", async () => {
    const balance = (minutes: number) => ledgers.read((read) => balanceAt(read, workspaceId, { at: at(minutes) }));
    expect(await balance(-1)).toBeUndefined();
    expect(await balance(0)).toEqual({ revision: 1, posted: 1_000, held: 0, available: 1_000 });
    expect(await balance(15)).toEqual({ revision: 2, posted: 900, held: 0, available: 900 });
    expect(await balance(45)).toEqual({ revision: 5, posted: 895, held: 200, available: 695 });
    expect(await balance(60)).toEqual({ revision: 6, posted: 845, held: 150, available: 695 });
    expect(await balance(100)).toEqual({ revision: 6, posted: 845, held: 0, available: 845 });
  });

  test("a hold is open until it expires, whether or not that is written", async () => {
    const seen = (minutes: number) => ledgers.read((read) => holdOf(read, workspaceId, hold.holdId, at(minutes)));
    expect(await seen(60)).toMatchObject({ status: "open", amount: 200, captured: 50, remaining: 150, endedAt: null });
    expect(await seen(100)).toMatchObject({ status: "expired", captured: 50, remaining: 0, endedAt: at(100) });
    const open = (minutes: number) =>
      ledgers.read((read) => holdsOf(read, workspaceId, { status: "open", now: at(minutes), ...page }));
    expect(await open(60)).toMatchObject({ total: 1, rows: [{ id: hold.holdId, placedBy: { id: id("bob") } }] });
    expect(await open(100)).toEqual({ total: 0, rows: [] });
  });
});

describe("a long list", () => {
  test("goes on behind its cursor with the lines it began with, without a gap and without one twice", () =>
    fc.assert(
      fc.asyncProperty(
        requests,
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom({}, { type: "debit" as const }, { category: "emails" }, { from: at(700) }),
        async (asked, limit, filter) => {
          await ledgers.write(storyOf(asked).history);
          const whole = await ledgers.read((read) => transactionsOf(read, workspaceId, { ...page, ...filter }));
          const lines = [];
          let part = await ledgers.read((read) => transactionsOf(read, workspaceId, { limit, offset: 0, ...filter }));
          lines.push(...part.rows);
          while (part.next !== undefined) {
            const cursor = TransactionCursor.parse(part.next);
            part = await ledgers.read((read) => transactionsOf(read, workspaceId, { limit, offset: 0, cursor }));
            expect(part.rows.length).toBeGreaterThan(0);
            lines.push(...part.rows);
          }
          expect(lines).toEqual(whole.rows);
          expect(part.total).toBe(whole.total);
        },
      ),
      { numRuns: 100 },
    ));

  test("has cursors of its own making alone", () => {
    const cursor = cursorOf({ before: 7, total: 9, filter: { category: "Grüße" } });
    expect(continuationIn(cursor)).toEqual({ before: 7, total: 9, filter: { category: "Grüße" } });
    for (const other of ["", "7", "{}", cursor.slice(1), cursorOf({ before: -1, total: 0, filter: {} })])
      expect(TransactionCursor.safeParse(other).success).toBe(false);
  });
});

describe("holds that have ended", () => {
  const story = ledgerStory();
  story.buys(500);
  const place = (name: string, minutes: number) =>
    story.ask(PlaceHold, { holdId: id(name), amount: 50, ...about(name), timeoutSeconds: 600 }, later(minutes));
  for (const name of ["captured", "released", "expired"]) place(name, 0);
  story.ask(CaptureHold, { holdId: id("captured"), amount: 20 }, later(1));
  story.ask(ReleaseHold, { holdId: id("released") }, later(2));
  story.ask(DebitCredits, { amount: 1, ...about("Something") }, later(60));
  beforeAll(() => written(story));

  test.each([
    ["captured", { captured: 20, remaining: 0, endedAt: at(1) }],
    ["released", { captured: 0, remaining: 0, endedAt: at(2) }],
    ["expired", { captured: 0, remaining: 0, endedAt: at(10) }],
  ] as const)("are listed as %s", async (status, row) => {
    const listed = await ledgers.read((read) => holdsOf(read, workspaceId, { status, now: at(60), ...page }));
    expect(listed).toMatchObject({ total: 1, rows: [{ id: id(status), status, amount: 50, ...row }] });
  });
});

describe("automatic recharges", () => {
  const standingAt = (minutes: number) => ledgers.read((read) => billingOf(read, workspaceId, at(minutes)));
  const month = 31 * 1_440;

  test("BILL-10: are told as they stand: pending, backing off, waiting for the next cycle", async () => {
    const story = ledgerStory();
    story.buys(100);
    story.ask(ConfigureAutoRecharge, { enabled: true, threshold: 50, amount: 40, periodCap: 90 });
    await written(story);
    expect((await standingAt(0))?.recharge.state).toBe("idle");
    story.ask(DebitCredits, { amount: 60, ...about("Something") }, later(1));
    const rechargeId = String(story.state().recharge.pending?.rechargeId);
    await written(story);
    expect((await standingAt(1))?.recharge).toMatchObject({
      ...{ state: "pending", pending: { rechargeId, amount: 40 }, charged: 40, periodCap: 90, notBefore: at(2) },
    });
    expect(await dueLedgers(ledgers.projector, at(60), 10)).toEqual([]);

    story.ask(DeclineRecharge, { rechargeId, reason: "No funds" }, later(2));
    await written(story);
    expect((await standingAt(2))?.recharge).toMatchObject({
      state: "waiting",
      charged: 0,
      failures: 1,
      notBefore: at(3),
    });
    expect(await dueLedgers(ledgers.projector, at(2), 10)).toEqual([]);
    expect(await dueLedgers(ledgers.projector, at(3), 10)).toEqual([workspaceId]);
    expect(await dueLedgers(ledgers.projector, at(3), 10, workspaceId)).toEqual([]);

    story.ask(ConfigureAutoRecharge, { enabled: true, threshold: 50, amount: 40, periodCap: 30 }, later(4));
    await written(story);
    expect((await standingAt(4))?.recharge).toMatchObject({ state: "capped", charged: 0, periodCap: 30 });
    expect(await dueLedgers(ledgers.projector, at(month - 1), 10)).toEqual([]);
    expect(await dueLedgers(ledgers.projector, at(month), 10)).toEqual([workspaceId]);
    expect((await standingAt(month))?.recharge.state).toBe("idle");
  });

  test("alerts are listed newest first", async () => {
    const story = ledgerStory();
    story.buys(100);
    story.ask(ConfigureBalanceAlert, { threshold: 50 });
    story.ask(DebitCredits, { amount: 60, ...about("Something") }, later(1));
    story.ask(AddCredits, { amount: 60, ...about("More") }, later(2));
    await written(story);
    const { rows, total } = await ledgers.read((read) => alertsOf(read, workspaceId, page));
    expect(rows).toMatchObject([
      { kind: "balance_recovered", threshold: 55, credits: 100, createdAt: at(2), id: transactionId(6n) },
      { kind: "low_balance", threshold: 50, credits: 40, createdAt: at(1) },
    ]);
    expect(total).toBe(2);
  });
});
