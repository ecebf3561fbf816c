import { describe, expect, test } from "vitest";
import { ConfigureBalanceAlert } from "../../../src/commands/credits/alerts.ts";
import { AdvanceLedger } from "../../../src/commands/credits/catchUp.ts";
import { SetCreditLimit } from "../../../src/commands/credits/creditLimit.ts";
import { DebitCredits } from "../../../src/commands/credits/debits.ts";
import { PlaceHold } from "../../../src/commands/credits/holds.ts";
import { ConfigureAutoRecharge, DeclineRecharge, SettleRecharge } from "../../../src/commands/credits/recharge.ts";
import { balanceMax } from "../../../src/domain/credits/amounts.ts";
import { later, ledgerStory, workspaceId } from "../../domain/ledgerStory.ts";
import { accepts, id } from "../../spec.ts";

const spend = (amount: number) => ({ amount, description: "Enrichment" });
const settings = { enabled: true, threshold: 10, amount: 50 };

/** 12 credits, to be recharged below 10. */
const recharging = (more: object = {}) => {
  const story = ledgerStory();
  story.buys(12);
  story.ask(ConfigureAutoRecharge, { ...settings, ...more });
  const pending = () => story.state().recharge.pending?.rechargeId ?? id("settled");
  return {
    ...story,
    spends: (amount: number, minutes = 0) => story.ask(DebitCredits, spend(amount), later(minutes)),
    settles: (minutes = 0) => story.ask(SettleRecharge, { rechargeId: pending(), reference: "in-1" }, later(minutes)),
    isDeclined: (minutes = 0) =>
      story.ask(DeclineRecharge, { rechargeId: pending(), reason: "Card expired" }, later(minutes)),
    advances: (minutes: number) => story.ask(AdvanceLedger, {}, later(minutes)).happened,
  };
};

describe("automatic recharge", () => {
  test("BILL-06: is asked for by the debit that brings the balance below the threshold, and credited once", () => {
    const story = recharging();
    expect(story.spends(2).happened).toEqual(["CreditsDebited"]);
    expect(story.spends(1).happened).toEqual(["CreditsDebited", "RechargeRequested"]);
    expect(story.settles().answer).toMatchObject({ balance: 59, transaction: { type: "recharge", amount: 50 } });
    expect(story.settles().refusal).toMatchObject({ rejected: "conflict", code: "RECHARGE_NOT_PENDING" });
  });

  test("one is in flight and no more, and what it will bring is no credit to spend", () => {
    const story = recharging();
    story.spends(5);
    expect(story.spends(5, 120).happened).toEqual(["CreditsDebited"]);
    expect(story.spends(3).refusal?.details).toMatchObject({ available: 2, rechargeState: "pending" });
  });

  test("is as large as the gap", () => {
    const small = recharging({ threshold: 10, amount: 1 });
    expect(small.spends(12).events.at(-1)?.data).toMatchObject({ amount: 10, available: 0 });
    const targeted = recharging({ amount: 20, target: 200 });
    expect(targeted.spends(5).events.at(-1)?.data).toMatchObject({ amount: 193, available: 7 });
    const regular = recharging({ amount: 300, target: 200 });
    expect(regular.spends(5).events.at(-1)?.data).toMatchObject({ amount: 300 });
  });

  test("looks at own credits: a credit limit neither keeps it from being asked for nor is its target", () => {
    const story = ledgerStory("pro");
    story.buys(150);
    story.ask(SetCreditLimit, { creditLimit: 10_000 });
    story.ask(ConfigureAutoRecharge, { ...settings, threshold: 100, amount: 20, periodCap: 1_000, coolOffSeconds: 0 });
    expect(story.ask(DebitCredits, spend(50)).happened).toEqual(["CreditsDebited"]);
    const requested = story.ask(DebitCredits, spend(1)).events.at(-1);
    expect(requested).toMatchObject({ type: "RechargeRequested", data: { amount: 20, available: 99 } });
    const settle = (minutes: number) => {
      const rechargeId = story.state().recharge.pending?.rechargeId ?? id("settled");
      return story.ask(SettleRecharge, { rechargeId, reference: "in-1" }, later(minutes));
    };
    settle(0);
    const borrowed = story.ask(DebitCredits, spend(319), later(1)).events.at(-1);
    expect(borrowed).toMatchObject({ type: "RechargeRequested", data: { amount: 300, available: -200 } });
    expect(settle(1).answer).toMatchObject({ balance: 100, available: 10_100 });
  });

  test("and the alert of a low balance look at the same credits, those that are not borrowed", () => {
    const story = ledgerStory("pro");
    story.buys(100);
    story.ask(SetCreditLimit, { creditLimit: 500 });
    story.ask(ConfigureBalanceAlert, { threshold: 50, rearmAt: 60 });
    story.ask(ConfigureAutoRecharge, { ...settings, threshold: 50, amount: 60 });
    const hold = { holdId: id("hold"), amount: 150, description: "Run" };
    const { happened, events } = story.ask(PlaceHold, hold);
    expect(happened).toEqual(["HoldPlaced", "LowBalanceReached", "RechargeRequested"]);
    expect(events.slice(1).map(({ data }) => data)).toMatchObject([
      { available: -50, after: { available: 450 } },
      { available: -50, amount: 100, after: { available: 450 } },
    ]);
    story.buys(105);
    expect(story.history.at(-1)?.type).toBe("CreditsPurchased");
    expect(story.buys(5).happened).toEqual(["CreditsPurchased", "BalanceRecovered"]);
    expect(story.ask(SetCreditLimit, { creditLimit: 1_000 }).happened).toEqual(["CreditLimitSet"]);
  });

  test("cools off: the next is not asked for before, and then without anybody's doing", () => {
    const story = recharging({ coolOffSeconds: 600 });
    story.spends(12);
    story.settles();
    expect(story.spends(45, 1).happened).toEqual(["CreditsDebited"]);
    expect(story.spends(6).refusal?.details).toMatchObject({ rechargeState: "waiting" });
    expect(story.advances(9)).toEqual([]);
    expect(story.advances(10)).toEqual(["RechargeRequested"]);
  });

  test("stops at the cap of the cycle, says so once, and goes on in the next", () => {
    const story = recharging({ periodCap: 100, coolOffSeconds: 0 });
    for (const amount of [12, 50]) {
      story.spends(amount);
      story.settles();
    }
    expect(story.spends(50).happened).toEqual(["CreditsDebited", "RechargeCapReached"]);
    expect(story.advances(1)).toEqual([]);
    expect(story.spends(1).refusal?.details).toMatchObject({ rechargeState: "capped" });
    const nextCycle = 31 * 24 * 60;
    expect(story.spends(1, nextCycle).refusal?.details).toMatchObject({ rechargeState: "idle" });
    expect(story.advances(nextCycle)).toEqual(["RechargeRequested"]);
  });

  test("has a cap of ten recharges where none was asked for, the largest there can be", () => {
    expect(recharging().state().recharge.periodCap).toBe(500);
    expect(recharging({ amount: 1 }).state().recharge.periodCap).toBe(100);
    expect(recharging({ amount: 1, target: 200 }).state().recharge.periodCap).toBe(2_000);
  });

  test("closes as much of the gap as the cap leaves", () => {
    const story = recharging({ amount: 20, target: 200, periodCap: 100 });
    expect(story.spends(12).events.at(-1)?.data).toMatchObject({ amount: 100 });
    story.settles();
    expect(story.spends(95, 1).happened).toEqual(["CreditsDebited", "RechargeCapReached"]);
  });

  test("is not asked for where no more credits can be owned", () => {
    const story = ledgerStory();
    story.ask(ConfigureAutoRecharge, settings);
    story.ask(DeclineRecharge, { rechargeId: story.state().recharge.pending?.rechargeId ?? "", reason: "No" });
    story.buys(balanceMax);
    const all = { holdId: id("hold"), amount: balanceMax, description: "All", timeoutSeconds: 7_200 };
    expect(story.ask(PlaceHold, all, later(60)).happened).toEqual(["HoldPlaced"]);
  });

  test("leaves room for what it brings", () => {
    const story = recharging();
    story.spends(12);
    expect(story.buys(balanceMax - 49).refusal?.code).toBe("BALANCE_LIMIT_EXCEEDED");
    story.buys(balanceMax - 50);
    expect(story.settles().answer.balance).toBe(balanceMax);
  });

  test("declined, cools off all the same", () => {
    const story = recharging({ coolOffSeconds: 600 });
    story.spends(5);
    expect(story.isDeclined().events[0]?.data).toMatchObject({ retryAt: later(10).now });
    expect([story.advances(9), story.advances(10)]).toEqual([[], ["RechargeRequested"]]);
  });

  test("declined, waits longer each time, and after the third stays off until somebody switches it on", () => {
    const story = recharging();
    story.spends(5);
    expect(story.isDeclined().answer).toMatchObject({ failures: 1, balance: 7 });
    expect([story.advances(0.9), story.advances(1)]).toEqual([[], ["RechargeRequested"]]);
    story.isDeclined(1);
    expect([story.advances(4.9), story.advances(5)]).toEqual([[], ["RechargeRequested"]]);
    expect(story.isDeclined(5).happened).toEqual(["RechargeDeclined", "AutoRechargeSuspended"]);
    expect(story.advances(100_000)).toEqual([]);
    expect(story.spends(8, 100_000).refusal?.details).toMatchObject({ rechargeState: "suspended" });
    expect(story.ask(ConfigureAutoRecharge, settings, later(100_001)).happened).toEqual([
      "AutoRechargeConfigured",
      "RechargeRequested",
    ]);
  });

  test("an accepted one forgets the declines before", () => {
    const story = recharging();
    story.spends(5);
    story.isDeclined();
    story.advances(1);
    story.settles(1);
    expect(story.state().recharge.failures).toBe(0);
  });

  test("a declined one does not count towards the cap", () => {
    const story = recharging({ periodCap: 50 });
    story.spends(5);
    story.isDeclined();
    expect(story.advances(1)).toEqual(["RechargeRequested"]);
  });

  test("switched off, what is under way is still credited, and nothing else is asked for", () => {
    const story = recharging();
    story.spends(5);
    story.ask(ConfigureAutoRecharge, { ...settings, enabled: false });
    expect(story.settles().answer.balance).toBe(57);
    expect(story.spends(50, 60).happened).toEqual(["CreditsDebited"]);
  });
});

describe("configuring it", () => {
  test("BILL-10: is recorded and answered with what now holds", () =>
    expect(ledgerStory().ask(ConfigureAutoRecharge, { ...settings, threshold: 0 }).answer).toEqual({
      autoRecharge: {
        ...{ isEnabled: true, threshold: 0, amount: 50, target: null, coolOffSeconds: 60, periodCap: 500 },
      },
      ...{ balance: 0, held: 0, available: 0 },
    }));

  test("BILL-10: is checked", () => {
    const input = { workspaceId, ...settings };
    expect(accepts(ConfigureAutoRecharge, { ...input, threshold: -1 })).toBe(false);
    expect(accepts(ConfigureAutoRecharge, { ...input, amount: 0 })).toBe(false);
    expect(accepts(ConfigureAutoRecharge, { ...input, amount: 0, enabled: false })).toBe(true);
    const story = ledgerStory();
    expect(story.ask(ConfigureAutoRecharge, { ...settings, threshold: balanceMax }).refusal).toMatchObject({
      ...{ rejected: "invalid", code: "RECHARGE_TOO_LARGE" },
    });
    expect(story.ask(ConfigureAutoRecharge, { ...settings, target: 9 }).refusal?.code).toBe("TARGET_BELOW_THRESHOLD");
  });
});
