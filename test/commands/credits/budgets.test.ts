import { describe, expect, test } from "vitest";
import { ConfigureBalanceAlert } from "../../../src/commands/credits/alerts.ts";
import { RemoveBudget, SetBudget } from "../../../src/commands/credits/budgets.ts";
import { AdvanceLedger } from "../../../src/commands/credits/catchUp.ts";
import { SetCreditLimit } from "../../../src/commands/credits/creditLimit.ts";
import { DebitCredits } from "../../../src/commands/credits/debits.ts";
import { CaptureHold, PlaceHold, ReleaseHold } from "../../../src/commands/credits/holds.ts";
import { balanceMax } from "../../../src/domain/credits/amounts.ts";
import type { BudgetScope } from "../../../src/domain/credits/budget.ts";
import { later, ledgerStory } from "../../domain/ledgerStory.ts";
import { as, id } from "../../spec.ts";

const budgetId = id("budget");
const spend = (amount: number) => ({ amount, description: "Enrichment" });
const daily = (limit: number, scope: BudgetScope = { kind: "workspace" }) => {
  const period = "day" as const;
  return { budgetId, scope, limit, period };
};

const limited = (limit: number, scope?: BudgetScope) => {
  const story = ledgerStory();
  story.buys(1_000);
  story.ask(SetBudget, daily(limit, scope));
  return story;
};

describe("a spending limit", () => {
  test("holds for its period and begins anew with the next", () => {
    const story = limited(50);
    story.ask(DebitCredits, spend(40));
    expect(story.ask(DebitCredits, spend(11)).refusal).toMatchObject({
      rejected: "insufficient",
      code: "SPENDING_LIMIT_EXCEEDED",
      details: {
        ...{ budgetId, scope: { kind: "workspace" }, period: "day", periodStart: "2026-03-01T00:00:00.000Z" },
        ...{ limit: 50, spent: 40, required: 11, shortfall: 1 },
      },
    });
    expect(story.ask(DebitCredits, spend(50), { now: "2026-03-02T00:00:00.000Z" }).refusal).toBeUndefined();
  });

  test("does not go back with a clock that does", () => {
    const story = limited(50);
    story.ask(DebitCredits, spend(50), later(24 * 60));
    expect(story.ask(DebitCredits, spend(1), later(0)).refusal?.code).toBe("SPENDING_LIMIT_EXCEEDED");
  });

  test("of a member or an API key is that one's alone", () => {
    const member = limited(50, { kind: "member", id: id("ada") });
    expect(member.ask(DebitCredits, spend(51), as("ada")).refusal?.code).toBe("SPENDING_LIMIT_EXCEEDED");
    expect(member.ask(DebitCredits, spend(51), as("grace")).refusal).toBeUndefined();
    const key = limited(50, { kind: "api_key", id: id("key") });
    const byKey = { actor: { kind: "api_key", id: id("key") } } as const;
    expect(key.ask(DebitCredits, spend(51), byKey).refusal?.code).toBe("SPENDING_LIMIT_EXCEEDED");
    expect(key.ask(DebitCredits, spend(51), as("key")).refusal).toBeUndefined();
  });

  test("counts a hold from when it is placed, and no more what is given back", () => {
    const story = limited(50);
    const holdId = id("hold");
    story.ask(PlaceHold, { holdId, ...spend(50) });
    expect(story.ask(DebitCredits, spend(1)).refusal?.code).toBe("SPENDING_LIMIT_EXCEEDED");
    story.ask(CaptureHold, { holdId, amount: 20, final: false });
    expect(story.ask(DebitCredits, spend(1)).refusal?.code).toBe("SPENDING_LIMIT_EXCEEDED");
    story.ask(ReleaseHold, { holdId });
    expect(story.state().budgets).toMatchObject([{ spent: 20 }]);
    expect(story.ask(DebitCredits, spend(30)).refusal).toBeUndefined();
  });

  test("can be changed, keeping what was spent, and removed", () => {
    const story = limited(50);
    story.ask(DebitCredits, spend(40));
    story.ask(SetBudget, daily(60));
    expect(story.ask(DebitCredits, spend(21)).refusal?.details).toMatchObject({ limit: 60, spent: 40 });
    story.ask(RemoveBudget, { budgetId });
    expect(story.ask(DebitCredits, spend(21)).refusal).toBeUndefined();
    expect(story.ask(RemoveBudget, { budgetId }).refusal?.rejected).toBe("missing");
  });

  test("tells each threshold once a period", () => {
    const story = limited(100);
    expect(story.ask(DebitCredits, spend(79)).happened).toEqual(["CreditsDebited"]);
    const crossing = story.ask(DebitCredits, spend(1));
    expect(crossing.happened).toEqual(["CreditsDebited", "BudgetThresholdReached"]);
    expect(crossing.events.at(-1)?.data).toMatchObject({ threshold: 80, spent: 80, limit: 100 });
    expect(story.ask(DebitCredits, spend(19)).happened).toEqual(["CreditsDebited"]);
    expect(story.ask(DebitCredits, spend(1)).events.at(-1)?.data).toMatchObject({ threshold: 100 });
    const tomorrow = later(24 * 60);
    expect(story.ask(DebitCredits, spend(80), tomorrow).happened).toEqual(["CreditsDebited", "BudgetThresholdReached"]);
  });
});

describe("a spending limit that is changed", () => {
  test("does not tell again what it has told and what still is so, but what is so anew", () => {
    const story = limited(100);
    story.ask(DebitCredits, spend(85));
    const change = (limit: number) => story.ask(SetBudget, daily(limit));
    expect(change(105).happened).toEqual(["BudgetSet"]);
    expect(change(85).events.at(-1)?.data).toMatchObject({ threshold: 100 });
    expect(change(200).happened).toEqual(["BudgetSet"]);
    expect(story.ask(DebitCredits, spend(75)).events.at(-1)?.data).toMatchObject({ threshold: 80, spent: 160 });
  });

  test("says nothing of a period that is over", () => {
    const story = limited(100);
    story.ask(DebitCredits, spend(70));
    expect(story.ask(SetBudget, daily(50), later(24 * 60)).happened).toEqual(["BudgetSet"]);
  });

  test("stays one of the same spending in the same periods: for others there are others", () => {
    const story = limited(50);
    story.ask(DebitCredits, spend(40));
    const fixed = { rejected: "conflict", code: "BUDGET_IS_FIXED" };
    const others = [{ ...daily(50), period: "week" as const }, daily(50, { kind: "member", id: id("ada") })];
    for (const other of others)
      expect(story.ask(SetBudget, other).refusal).toMatchObject({
        ...fixed,
        details: { budgetId, scope: { kind: "workspace" }, period: "day" },
      });
    expect(story.state().budgets).toMatchObject([{ scope: { kind: "workspace" }, period: "day", spent: 40 }]);
  });

  test("is another one after it was removed, whatever is given back of what was charged before", () => {
    const story = ledgerStory();
    story.buys(1_000);
    const budget = { budgetId, scope: { kind: "workspace" }, limit: 50 } as const;
    const onTheSecond = { now: "2026-03-02T09:00:00.000Z" };
    const holdId = id("hold");
    story.ask(SetBudget, { ...budget, period: "day" }, onTheSecond);
    story.ask(PlaceHold, { holdId, ...spend(20) }, onTheSecond);
    story.ask(RemoveBudget, { budgetId }, onTheSecond);
    story.ask(SetBudget, { ...budget, period: "month" }, onTheSecond);
    story.ask(DebitCredits, spend(50), onTheSecond);
    story.ask(CaptureHold, { holdId, amount: 5 }, onTheSecond);
    expect(story.state().budgets).toMatchObject([{ spent: 50, periodStart: "2026-03-01T00:00:00.000Z" }]);
    expect(story.ask(DebitCredits, spend(1), onTheSecond).refusal?.code).toBe("SPENDING_LIMIT_EXCEEDED");
  });
});

describe("a low balance", () => {
  test("is told once, and again only after it had recovered", () => {
    const story = ledgerStory();
    story.buys(100);
    story.ask(ConfigureBalanceAlert, { threshold: 50, rearmAt: 80 });
    const low = ["CreditsDebited", "LowBalanceReached"];
    expect(story.ask(DebitCredits, spend(50)).happened).toEqual(["CreditsDebited"]);
    expect(story.ask(DebitCredits, spend(1)).happened).toEqual(low);
    expect(story.ask(DebitCredits, spend(1)).happened).toEqual(["CreditsDebited"]);
    expect(story.buys(31).happened).toEqual(["CreditsPurchased"]);
    expect(story.ask(DebitCredits, spend(40)).happened).toEqual(["CreditsDebited"]);
    expect(story.buys(41).happened).toEqual(["CreditsPurchased", "BalanceRecovered"]);
    expect(story.ask(DebitCredits, spend(40)).happened).toEqual(low);
  });

  test("is told when own credits are few, whatever may be drawn on the credit limit", () => {
    const story = ledgerStory("pro");
    story.buys(100);
    story.ask(SetCreditLimit, { creditLimit: 10_000 });
    story.ask(ConfigureBalanceAlert, { threshold: 50, rearmAt: 80 });
    expect(story.ask(DebitCredits, spend(50)).happened).toEqual(["CreditsDebited"]);
    const { happened, events } = story.ask(DebitCredits, spend(70));
    expect(happened).toEqual(["CreditsDebited", "LowBalanceReached"]);
    expect(events.at(-1)?.data).toMatchObject({ threshold: 50, available: -20 });
    expect(story.buys(99).happened).toEqual(["CreditsPurchased"]);
    expect(story.buys(1).events.at(-1)).toMatchObject({ type: "BalanceRecovered", data: { available: 80 } });
  });

  test("is not told again because its alert is set up anew while it is low", () => {
    const story = ledgerStory();
    story.buys(100);
    story.ask(ConfigureBalanceAlert, { threshold: 50, rearmAt: 80 });
    story.ask(DebitCredits, spend(60));
    expect(story.ask(ConfigureBalanceAlert, { threshold: 60, rearmAt: 80 }).happened).toEqual([
      "BalanceAlertConfigured",
    ]);
    expect(story.ask(ConfigureBalanceAlert, { threshold: 30, rearmAt: 40 }).happened).toEqual([
      "BalanceAlertConfigured",
      "BalanceRecovered",
    ]);
    expect(story.ask(DebitCredits, spend(11)).happened).toEqual(["CreditsDebited", "LowBalanceReached"]);
    story.ask(ConfigureBalanceAlert, { threshold: null });
    expect(story.ask(ConfigureBalanceAlert, { threshold: 30 }).happened).toEqual([
      "BalanceAlertConfigured",
      "LowBalanceReached",
    ]);
  });

  test("is also told when credits are held", () => {
    const story = ledgerStory();
    story.buys(100);
    story.ask(ConfigureBalanceAlert, { threshold: 50 });
    expect(story.ask(PlaceHold, { holdId: id("hold"), ...spend(60) }).happened).toEqual([
      "HoldPlaced",
      "LowBalanceReached",
    ]);
  });

  test("recovers at the threshold or above it", () =>
    expect(ledgerStory().ask(ConfigureBalanceAlert, { threshold: 50, rearmAt: 49 }).refusal?.code).toBe(
      "REARM_BELOW_THRESHOLD",
    ));
});

describe("the credit limit", () => {
  test("is what the plan allows", () => {
    expect(ledgerStory("free").ask(SetCreditLimit, { creditLimit: 1 }).refusal).toMatchObject({
      ...{ rejected: "unprocessable", code: "CREDIT_LIMIT_TOO_HIGH", details: { planType: "free", max: 0 } },
    });
    expect(ledgerStory("pro").ask(SetCreditLimit, { creditLimit: 10_000 }).answer).toEqual({
      ...{ creditLimit: 10_000, balance: 0, held: 0, available: 10_000 },
    });
  });

  test("lets the balance go below zero, so far and no further; credits that come pay it back", () => {
    const story = ledgerStory("pro");
    story.ask(SetCreditLimit, { creditLimit: 100 });
    story.buys(10);
    expect(story.ask(DebitCredits, spend(111)).refusal?.details).toMatchObject({ available: 110, shortfall: 1 });
    expect(story.ask(DebitCredits, spend(110)).answer).toMatchObject({ balance: -100, available: 0 });
    expect(story.buys(130).answer).toMatchObject({ balance: 30, available: 130 });
    expect(story.lots()).toEqual([[2, 30]]);
  });

  test("can be held, and cannot be lowered below what is drawn or held", () => {
    const story = ledgerStory("pro");
    story.ask(SetCreditLimit, { creditLimit: 100 });
    story.ask(PlaceHold, { holdId: id("hold"), ...spend(60) });
    expect(story.balance()).toEqual({ posted: 0, held: 60, available: 40 });
    expect(story.ask(SetCreditLimit, { creditLimit: 59 }).refusal).toMatchObject({
      ...{ rejected: "conflict", code: "CREDIT_LIMIT_IN_USE", details: { used: 60 } },
    });
    story.ask(CaptureHold, { holdId: id("hold"), amount: 50 });
    expect(story.balance()).toEqual({ posted: -50, held: 0, available: 50 });
    expect(story.ask(SetCreditLimit, { creditLimit: 50 }).refusal).toBeUndefined();
  });

  test("cannot be lowered below what is held of it by reason of credits that may expire", () => {
    const story = ledgerStory("pro");
    story.ask(SetCreditLimit, { creditLimit: 100 });
    story.ask(PlaceHold, { holdId: id("hold"), timeoutSeconds: 86_400, ...spend(60) });
    story.buys(100, { expiresAt: "2026-03-01T10:00:00Z" });
    expect(story.ask(SetCreditLimit, { creditLimit: 59 }).refusal?.code).toBe("CREDIT_LIMIT_IN_USE");
    story.ask(SetCreditLimit, { creditLimit: 60 });
    expect(story.ask(AdvanceLedger, {}, later(60)).happened).toEqual(["CreditsExpired"]);
    expect(story.balance()).toEqual({ posted: 0, held: 60, available: 0 });
  });

  test("counts where sums have to stay exact", () => {
    const full = ledgerStory("pro");
    full.buys(balanceMax - 10);
    expect(full.ask(SetCreditLimit, { creditLimit: 11 }).refusal?.code).toBe("BALANCE_LIMIT_EXCEEDED");
    expect(full.ask(SetCreditLimit, { creditLimit: 10 }).answer.available).toBe(balanceMax);
    expect(full.buys(1).refusal?.code).toBe("BALANCE_LIMIT_EXCEEDED");
  });
});
