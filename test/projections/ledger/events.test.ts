import { describe, expect, test } from "vitest";
import { creditLedger } from "../../../src/domain/credits/creditLedger.ts";
import type { LedgerEvent } from "../../../src/domain/credits/unfolding.ts";
import { billing } from "../../../src/projections/billing.ts";
import { eventId, facts, given, id } from "../../spec.ts";

const [acme, wonderland] = [id("acme"), id("wonderland")];
/** When every event given here was written. */
const { now } = facts;
const earlier = "2026-02-28T23:59:00.000Z";
const later = "2026-03-02T00:00:00.000Z";

const balance = (posted: number, held = 0) => ({
  ...{ workspaceId: wonderland, organizationId: acme },
  after: { posted, held, available: posted - held },
});
const words = { description: "Words", referenceId: null };
const terms = { priority: 50, effectiveAt: null, expiresAt: null, settled: 0, ...words };
const part = (amount: number) => ({ lot: 1, amount, kind: "purchased" as const, priority: 50, expiresAt: null });

const opened: LedgerEvent = {
  type: "LedgerOpened",
  data: { ...balance(0), planType: "free", creditLimit: 0, openedAt: "2026-01-31T12:00:00.000Z" },
};
const purchased: LedgerEvent = { type: "CreditsPurchased", data: { ...balance(100), amount: 100, lot: 1, ...terms } };
const spent = { parts: [part(40)], charges: [], category: "emails", ...words, referenceId: "run-7" };
const rowsAfter = (...events: readonly LedgerEvent[]) =>
  given(creditLedger, opened, ...events).projectedBy(billing).rows;

const line = {
  ...{ workspace_id: wonderland, organization_id: acme, description: "Words", reference_id: null, category: null },
  ...{ hold_id: null, debit_id: null, debit_revision: null, transfer_id: null, other_workspace_id: null },
  ...{ actor_kind: "user", actor_id: id("ada"), created_at: now, recorded_at: now },
};
const lineAt = (revision: number) => ({ ...line, id: eventId(revision), revision: BigInt(revision) });

describe("a ledger's row", () => {
  test("WS-01, BILL-01: begins without credits, in the first cycle", () =>
    expect(rowsAfter()("billing")).toEqual([
      {
        ...{ workspace_id: wonderland, organization_id: acme, plan_type: "free", revision: 0n },
        ...{ credit_balance: 0, held: 0, available: 0, credit_limit: 0, has_dated_lots: false },
        ...{ billing_cycle_start: "2026-01-31T12:00:00.000Z", billing_cycle_end: "2026-02-28T12:00:00.000Z" },
        ...{ auto_recharge: false, auto_recharge_threshold: 0, auto_recharge_amount: 0, recharge_target: null },
        ...{ recharge_cool_off_seconds: 60, recharge_period_cap: 0, recharge_period_start: null },
        ...{ recharge_pending_id: null, recharge_pending_amount: null, recharge_requested_at: null },
        ...{ recharge_retry_at: null, recharge_failures: 0, recharge_suspended: false, recharge_cap_told: false },
        ...{ alert_threshold: null, alert_rearm_at: 0, alert_is_low: false, transaction_count: 0, alert_count: 0 },
        ...{ holds_captured: 0, holds_released: 0, holds_expired: 0 },
      },
    ]));

  test("BILL-10: has the settings of its automatic recharge", () => {
    const settings = { isEnabled: true, threshold: 10, amount: 50, target: 80, coolOffSeconds: 30, periodCap: 500 };
    const rows = rowsAfter({ type: "AutoRechargeConfigured", data: { ...balance(0), ...settings } });
    expect(rows("billing")).toMatchObject([
      {
        ...{ auto_recharge: true, auto_recharge_threshold: 10, auto_recharge_amount: 50, recharge_target: 80 },
        ...{ recharge_cool_off_seconds: 30, recharge_period_cap: 500, revision: 1n },
      },
    ]);
  });
});

describe("a line", () => {
  test("BILL-02: of a purchase has what it adds, and its lot has the credits", () => {
    const rows = rowsAfter(purchased);
    expect(rows("credit_transactions")).toEqual([
      {
        ...lineAt(1),
        ...{ transaction_type: "purchase", change: 100, balance_after: 100, held_after: 0, available_after: 100 },
      },
    ]);
    expect(rows("credit_lots")).toMatchObject([{ lot: 1, kind: "purchased", status: "active", remaining: 100 }]);
    expect(rows("billing")).toMatchObject([{ credit_balance: 100, available: 100, transaction_count: 1 }]);
  });

  test("BILL-03: of a debit has what it takes, from the lot that it took it from, and who spent it on what", () => {
    const rows = rowsAfter(purchased, { type: "CreditsDebited", data: { ...balance(60), amount: 40, ...spent } });
    expect(rows("credit_transactions").at(-1)).toEqual({
      ...lineAt(2),
      ...{ transaction_type: "debit", change: -40, balance_after: 60, held_after: 0, available_after: 60 },
      ...{ reference_id: "run-7", category: "emails" },
    });
    expect(rows("credit_lots")).toMatchObject([{ granted: 100, remaining: 60 }]);
    expect(rows("credit_usage")).toEqual([
      {
        ...{ workspace_id: wonderland, organization_id: acme, day: "2026-03-01", category: "emails" },
        ...{ member_kind: "user", member_id: id("ada"), debits: 1, spent: 40 },
      },
    ]);
    expect(rows("credit_daily")).toMatchObject([{ day: "2026-03-01", granted: 100, spent: 40, transactions: 2 }]);
  });

  test("BILL-06: of a recharge is one of its own, and the recharge is no longer pending", () => {
    const recharge = { rechargeId: id("recharge"), amount: 50 };
    const request = { ...recharge, available: 0, requestedAt: now, periodStart: earlier };
    const rows = rowsAfter(
      { type: "RechargeRequested", data: { ...balance(0), ...request } },
      { type: "CreditsRecharged", data: { ...balance(50), ...recharge, lot: 1, ...terms } },
    );
    expect(rows("credit_transactions")).toMatchObject([{ transaction_type: "recharge", change: 50 }]);
    expect(rows("credit_recharges")).toMatchObject([{ amount: 50, status: "charged", ended_at: now }]);
    expect(rows("billing")).toMatchObject([{ recharge_pending_id: null, recharge_pending_amount: null }]);
  });

  test("of a lot that waits comes with its time, as the one it would have been, and nobody wrote it", () => {
    const waiting = { ...terms, amount: 100, lot: 1, effectiveAt: earlier };
    const granted: LedgerEvent = { type: "CreditsGranted", data: { ...balance(0), ...waiting } };
    expect(rowsAfter(granted)("credit_transactions")).toEqual([]);
    expect(rowsAfter(granted)("credit_lots")).toMatchObject([{ status: "waiting", remaining: 100 }]);
    expect(rowsAfter(granted)("billing")).toMatchObject([{ has_dated_lots: true, transaction_count: 0 }]);
    const activation = {
      amount: 100,
      lot: 1,
      kind: "promotional" as const,
      effectiveAt: earlier,
      settled: 30,
      description: "Words",
      referenceId: "inv-9",
    };
    const rows = rowsAfter(granted, { type: "CreditsActivated", data: { ...balance(70), ...activation } });
    expect(rows("credit_transactions")).toMatchObject([
      {
        transaction_type: "grant",
        change: 100,
        reference_id: "inv-9",
        created_at: earlier,
        recorded_at: now,
        actor_kind: "system",
      },
    ]);
    expect(rows("credit_lots")).toMatchObject([{ status: "active", remaining: 70 }]);
    expect(rows("credit_daily")).toMatchObject([{ day: "2026-02-28", granted: 100 }]);
  });

  test("of an expiry stands on the day the credits expired, whenever it was written", () => {
    const expiry = { amount: 100, lot: 1, kind: "purchased" as const, expiredAt: earlier };
    const rows = rowsAfter(purchased, { type: "CreditsExpired", data: { ...balance(0), ...expiry } });
    expect(rows("credit_transactions").at(-1)).toMatchObject({
      ...{ transaction_type: "expiry", change: -100, created_at: earlier, recorded_at: now, actor_id: null },
    });
    expect(rows("credit_lots")).toMatchObject([{ status: "expired", remaining: 0, expired: 100 }]);
    expect(rows("credit_daily")).toMatchObject([
      { day: "2026-03-01", granted: 100 },
      { day: "2026-02-28", expired: 100 },
    ]);
  });

  test("of a transfer names the other side", () => {
    const transferId = id("transfer");
    const out = { transferId, toWorkspaceId: id("elsewhere"), amount: 40, parts: [part(40)], ...words };
    const back = { transferId, amount: 40, parts: [part(40)], settled: 0, reason: "FULL" };
    const rows = rowsAfter(
      purchased,
      { type: "TransferSent", data: { ...balance(60), ...out } },
      { type: "TransferReturned", data: { ...balance(100), ...back } },
    );
    const about = { transfer_id: transferId };
    expect(rows("credit_transactions").slice(1)).toMatchObject([
      { ...about, transaction_type: "transfer_out", change: -40, other_workspace_id: id("elsewhere") },
      { ...about, transaction_type: "transfer_return", change: 40, description: "FULL" },
    ]);
    expect(rows("credit_lots")).toMatchObject([{ granted: 100, remaining: 100 }]);
  });
});

test("a hold moves credits within its lot, and is a line as far as it is captured", () => {
  const holdId = id("hold");
  const placed = { holdId, amount: 40, ...spent, expiresAt: later };
  const captured = {
    ...spent,
    holdId,
    amount: 30,
    parts: [part(30)],
    released: [part(10)],
    remaining: 0,
    isFinal: true,
  };
  const hold: LedgerEvent = { type: "HoldPlaced", data: { ...balance(100, 40), ...placed } };
  const held = rowsAfter(purchased, hold);
  expect(held("credit_lots")).toMatchObject([{ remaining: 60, held: 40 }]);
  expect(held("credit_transactions")).toHaveLength(1);
  expect(held("credit_balances").at(-1)).toMatchObject({ revision: 2n, posted: 100, held: 40, available: 60 });
  const rows = rowsAfter(purchased, hold, { type: "HoldCaptured", data: { ...balance(70), ...captured } });
  expect(rows("credit_lots")).toMatchObject([{ remaining: 70, held: 0 }]);
  expect(rows("credit_holds")).toMatchObject([{ status: "captured", amount: 40, captured: 30, ended_at: now }]);
  expect(rows("credit_transactions").at(-1)).toMatchObject({ transaction_type: "debit", change: -30, hold_id: holdId });
});
