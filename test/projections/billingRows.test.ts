import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { creditLedger } from "../../src/domain/credits/creditLedger.ts";
import { fold } from "../../src/kernel/decider.ts";
import { billing } from "../../src/projections/billing.ts";
import { opened, requests, steps } from "../domain/ledgerHistory.ts";
import { eventId, facts, given, id } from "../spec.ts";

const [acme, wonderland] = [id("acme"), id("wonderland")];
/** When every event given here happened; the first stands at position 1000. */
const { now } = facts;
const inWorkspace = { workspaceId: wonderland, organizationId: acme };

describe("billing", () => {
  const line = (change: number) => ({
    kind: "add" as const,
    table: "billing",
    key: { workspace_id: wonderland },
    amounts: { credit_balance: change, transaction_count: 1 },
  });
  const revised = {
    kind: "set" as const,
    table: "billing",
    key: { workspace_id: wonderland },
    values: { revision: 0n },
  };
  const transaction = (transaction_type: string, amount: number, reference_id: string | null = null) => ({
    kind: "insert" as const,
    table: "credit_transactions",
    row: {
      id: eventId(0),
      organization_id: acme,
      workspace_id: wonderland,
      amount,
      transaction_type,
      description: "Words",
      reference_id,
      position: 1000n,
      created_at: now,
    },
  });
  const moved = { ...inWorkspace, amount: 40, description: "Words" };

  test("WS-01, BILL-01: LedgerOpened: no credits, in the first cycle", () =>
    given(creditLedger, {
      type: "LedgerOpened",
      data: { ...inWorkspace, planType: "free", creditLimit: 0, openedAt: "2026-01-31T12:00:00.000Z" },
    })
      .projectedBy(billing)
      .thenChanges({
        kind: "insert",
        table: "billing",
        row: {
          workspace_id: wonderland,
          organization_id: acme,
          plan_type: "free",
          credit_balance: 0,
          credit_limit: 0,
          billing_cycle_start: "2026-01-31T12:00:00.000Z",
          billing_cycle_end: "2026-02-28T12:00:00.000Z",
          auto_recharge: false,
          auto_recharge_threshold: 0,
          auto_recharge_amount: 0,
          transaction_count: 0,
          revision: 0n,
        },
      }));

  test("BILL-02: CreditsPurchased: more credits, and a line", () =>
    given(creditLedger, { type: "CreditsPurchased", data: moved })
      .projectedBy(billing)
      .thenChanges(revised, line(40), transaction("purchase", 40)));

  test("BILL-03: CreditsDebited: fewer credits, and a line with a positive amount", () =>
    given(creditLedger, { type: "CreditsDebited", data: { ...moved, referenceId: "run-7" } })
      .projectedBy(billing)
      .thenChanges(revised, line(-40), transaction("debit", 40, "run-7")));

  test("BILL-06: CreditsRecharged: more credits, and a line of its own", () =>
    given(creditLedger, { type: "CreditsRecharged", data: moved })
      .projectedBy(billing)
      .thenChanges(revised, line(40), transaction("recharge", 40)));

  test("BILL-10: AutoRechargeConfigured: the settings", () =>
    given(creditLedger, {
      type: "AutoRechargeConfigured",
      data: { ...inWorkspace, isEnabled: true, threshold: 10, amount: 50 },
    })
      .projectedBy(billing)
      .thenChanges({
        kind: "set",
        table: "billing",
        key: { workspace_id: wonderland },
        values: { auto_recharge: true, auto_recharge_threshold: 10, auto_recharge_amount: 50, revision: 0n },
      }));
});

describe("whatever a ledger went through", () => {
  /** Histories that commands made: nothing in them could not have happened. */
  const histories = requests.map((asked) => [opened, ...steps(asked).flatMap(({ events }) => events)]);

  test("BILL-01: the billing row says what the ledger folds to", () =>
    fc.assert(
      fc.property(histories, (events) => {
        const ledger = fold(creditLedger, events);
        if (ledger.status !== "open") throw new Error("the history begins with LedgerOpened");
        const rows = given(creditLedger, ...events).projectedBy(billing);
        expect(rows.rows("billing")).toMatchObject([
          {
            credit_balance: ledger.balance,
            auto_recharge: ledger.autoRecharge.isEnabled,
            auto_recharge_threshold: ledger.autoRecharge.threshold,
            auto_recharge_amount: ledger.autoRecharge.amount,
            revision: BigInt(events.length - 1),
          },
        ]);
      }),
      { numRuns: 200 },
    ));

  test("BILL-05, BILL-09: the lines add up to the balance and are counted", () =>
    fc.assert(
      fc.property(histories, (events) => {
        const rows = given(creditLedger, ...events).projectedBy(billing);
        const lines = rows.rows("credit_transactions");
        const signed = lines.map(({ transaction_type, amount }) =>
          transaction_type === "debit" ? -Number(amount) : Number(amount),
        );
        expect(rows.rows("billing")).toMatchObject([
          { credit_balance: signed.reduce((sum, change) => sum + change, 0), transaction_count: lines.length },
        ]);
      }),
      { numRuns: 200 },
    ));
});
