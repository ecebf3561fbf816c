import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { periodStartOf } from "../../../src/domain/credits/budget.ts";
import { balanceOf } from "../../../src/domain/credits/creditLedger.ts";
import { billing } from "../../../src/projections/billing.ts";
import { rowsOf } from "./rowsOf.ts";
import { requests, storyOf } from "./stories.ts";

const forEveryStory = (check: (story: ReturnType<typeof storyOf>, rows: ReturnType<typeof rowsOf>) => void) =>
  fc.assert(
    fc.property(requests, (asked) => {
      const story = storyOf(asked);
      check(story, rowsOf(billing, story.history));
    }),
    { numRuns: 200 },
  );

describe("whatever a ledger went through", () => {
  test("BILL-01: its row says what it folds to", () =>
    forEveryStory(({ ledger, history }, rows) => {
      const { posted, held, available } = balanceOf(ledger);
      const { recharge, alert, creditLimit } = ledger;
      expect(rows("billing")).toMatchObject([
        {
          ...{ credit_balance: posted, held, available, credit_limit: creditLimit },
          auto_recharge: recharge.isEnabled,
          auto_recharge_threshold: recharge.threshold,
          auto_recharge_amount: recharge.amount,
          recharge_pending_id: recharge.pending?.rechargeId ?? null,
          recharge_failures: recharge.failures,
          recharge_suspended: recharge.isSuspended,
          recharge_cap_told: recharge.isCapTold,
          ...{ alert_threshold: alert.threshold, alert_rearm_at: alert.rearmAt, alert_is_low: alert.isLow },
          revision: BigInt(history.length - 1),
        },
      ]);
    }));

  test("BILL-05, BILL-09: its lines add up to the balance after each of them, and are counted", () =>
    forEveryStory(({ ledger }, rows) => {
      const lines = rows("credit_transactions");
      let posted = 0;
      for (const { change, balance_after } of lines) {
        posted += Number(change);
        expect(balance_after).toBe(posted);
      }
      expect(posted).toBe(balanceOf(ledger).posted);
      expect(rows("billing")).toMatchObject([{ transaction_count: lines.length }]);
    }));

  test("its lots are what it can spend, what waits, and what holds reserve", () =>
    forEveryStory(({ ledger }, rows) => {
      const lots = rows("credit_lots");
      const of = (wanted: (row: (typeof lots)[number]) => boolean, column: string) =>
        Object.fromEntries(
          lots.filter((row) => wanted(row) && row[column] !== 0).map((row) => [row["lot"], row[column]]),
        );
      const amounts = (parts: readonly { lot: number; amount: number }[]) => {
        const sums: Record<number, number> = {};
        for (const { lot, amount } of parts) if (lot !== 0) sums[lot] = (sums[lot] ?? 0) + amount;
        return sums;
      };
      expect(of(({ status }) => status !== "waiting", "remaining")).toEqual(amounts(ledger.lots));
      expect(of(({ status }) => status === "waiting", "remaining")).toEqual(amounts(ledger.coming));
      expect(of(() => true, "held")).toEqual(amounts(ledger.holds.flatMap(({ parts }) => parts)));
    }));

  test("its holds are open with what they still reserve, or have ended once", () =>
    forEveryStory(({ ledger }, rows) => {
      const holds = rows("credit_holds");
      const open = holds.filter(({ status }) => status === "open");
      expect(open.map((row) => [row["hold_id"], Number(row["amount"]) - Number(row["captured"])])).toEqual(
        ledger.holds.map(({ holdId, amount }) => [holdId, amount]),
      );
      const ended = Object.groupBy(holds, ({ status }) => String(status));
      expect(rows("billing")).toMatchObject([
        {
          holds_captured: ended["captured"]?.length ?? 0,
          holds_released: ended["released"]?.length ?? 0,
          holds_expired: ended["expired"]?.length ?? 0,
        },
      ]);
    }));

  test("its days add up to the balance, and its usage to what was spent", () =>
    forEveryStory(({ ledger }, rows) => {
      const sum = (table: string, column: string) => rows(table).reduce((total, row) => total + Number(row[column]), 0);
      const total = (column: string) => sum("credit_daily", column);
      const gains = total("granted") + total("refunded") + total("received");
      expect(gains - total("spent") - total("deducted") - total("expired") - total("sent")).toBe(
        balanceOf(ledger).posted,
      );
      expect(sum("credit_usage", "spent")).toBe(total("spent"));
      expect(total("transactions")).toBe(rows("credit_transactions").length);
    }));

  test("its budgets have counted what was spent in the current period, and what is held", () =>
    forEveryStory(({ ledger, now }, rows) => {
      for (const { budgetId, period, periodStart, spent } of ledger.budgets) {
        const start = periodStartOf(period, now);
        const row = rows("credit_budget_periods").find(
          ({ budget_id, period_start }) => budget_id === budgetId && period_start === start,
        );
        const held = ledger.holds
          .filter(({ charges }) => charges.some((each) => each.budgetId === budgetId && each.periodStart === start))
          .reduce((total, { amount }) => total + amount, 0);
        expect(Math.max(0, Number(row?.["spent"] ?? 0) + held)).toBe(periodStart === start ? spent : 0);
      }
    }));

  test("its recharges that were not declined are what was charged for in their cycle", () =>
    forEveryStory(({ ledger: { recharge } }, rows) => {
      const charged = rows("credit_recharges")
        .filter(({ status, period_start }) => status !== "declined" && period_start === recharge.periodStart)
        .reduce((total, { amount }) => total + Number(amount), 0);
      expect(charged).toBe(recharge.charged);
    }));
});
