import { describe, expect, test } from "vitest";
import { DebitCredits } from "../../../src/commands/credits/debits.ts";
import { AddCredits, AdjustCredits } from "../../../src/commands/credits/grants.ts";
import { OpenLedger } from "../../../src/commands/credits/opening.ts";
import { balanceMax } from "../../../src/domain/credits/amounts.ts";
import { creditLedger } from "../../../src/domain/credits/creditLedger.ts";
import { later, ledgerStory, organizationId, workspaceId } from "../../domain/ledgerStory.ts";
import { accepts, eventId, facts, given } from "../../spec.ts";

const spend = (amount: number) => ({ amount, description: "Enrichment" });

describe("opening a ledger", () => {
  const open = { workspaceId, organizationId, planType: "pro" as const };

  test("starts it empty, at the time it is told", () =>
    given(creditLedger)
      .when(OpenLedger, open)
      .then({
        type: "LedgerOpened",
        data: { ...open, creditLimit: 0, openedAt: facts.now, after: { posted: 0, held: 0, available: 0 } },
      }));

  test("happens once", () => given(creditLedger).when(OpenLedger, open).again().thenNothing());

  test("comes before everything else", () =>
    given(creditLedger)
      .when(AddCredits, { workspaceId, amount: 1, description: "Top-up" })
      .thenRefused("missing", "RESOURCE_NOT_FOUND"));
});

describe("adding credits", () => {
  test("BILL-02: adds exactly that much, as a lot of its own, and answers with the balance after", () => {
    const story = ledgerStory();
    story.buys(50);
    const { answer, events } = story.buys(100);
    expect(answer).toEqual({
      transaction: {
        id: eventId(2),
        type: "purchase",
        amount: 100,
        change: 100,
        balanceAfter: 150,
        description: "Top-up",
        referenceId: null,
        category: null,
        createdAt: facts.now,
      },
      lot: 2,
      balance: 150,
      held: 0,
      available: 150,
    });
    expect(events).toMatchObject([{ type: "CreditsPurchased", data: { lot: 2, amount: 100, settled: 0 } }]);
  });

  test("BILL-02: is exact up to 2^53 − 1, and refused beyond", () => {
    const story = ledgerStory();
    story.buys(balanceMax - 1);
    expect(story.buys(2).refusal).toMatchObject({
      rejected: "unprocessable",
      code: "BALANCE_LIMIT_EXCEEDED",
      details: { balance: balanceMax - 1, balanceMax },
    });
    expect(story.buys(1).answer.balance).toBe(balanceMax);
  });

  test("credits that wait for their time are owned from then on, whether or not anything else happens", () => {
    const story = ledgerStory();
    const { answer } = story.buys(40, { effectiveAt: "2026-03-01T10:00:00Z", referenceId: "inv-9" });
    expect(answer).toEqual({ transaction: null, lot: 1, balance: 0, held: 0, available: 0 });
    expect(story.ask(DebitCredits, spend(1), later(59)).refusal?.code).toBe("INSUFFICIENT_CREDITS");
    const { happened, events } = story.ask(DebitCredits, spend(1), later(60));
    expect(happened).toEqual(["CreditsActivated", "CreditsDebited"]);
    expect(events[0]?.data).toMatchObject({ amount: 40, description: "Top-up", referenceId: "inv-9" });
  });

  test("credits cannot expire before they can be spent", () => {
    const story = ledgerStory();
    for (const terms of [
      { expiresAt: facts.now },
      { expiresAt: "2026-03-02T00:00:00Z", effectiveAt: "2026-03-02T00:00:00Z" },
    ])
      expect(story.buys(1, terms).refusal).toMatchObject({ rejected: "unprocessable", code: "EXPIRY_NOT_LATER" });
  });

  test("a ledger has so many lots at a time and no more", () => {
    const story = ledgerStory();
    for (let lot = 0; lot < 1_000; lot += 1) story.buys(1);
    expect(story.buys(1).refusal).toMatchObject({ rejected: "conflict", code: "TOO_MANY_LOTS" });
    story.ask(DebitCredits, spend(1));
    expect(story.buys(1).refusal).toBeUndefined();
  });

  test.each([0, -1, 1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, "10", null])("%s is no amount", (amount) => {
    expect(accepts(AddCredits, { workspaceId, amount, description: "Top-up" })).toBe(false);
    expect(accepts(DebitCredits, { workspaceId, amount, description: "Enrichment" })).toBe(false);
    if (amount !== -1) expect(accepts(AdjustCredits, { workspaceId, amount, reason: "Goodwill" })).toBe(false);
  });

  test("words have their bounds", () => {
    const input = { workspaceId, amount: 1 };
    expect(accepts(DebitCredits, { ...input, description: "d".repeat(500), referenceId: "r".repeat(200) })).toBe(true);
    expect(accepts(DebitCredits, { ...input, description: "d".repeat(501) })).toBe(false);
    expect(accepts(DebitCredits, { ...input, description: "" })).toBe(false);
    expect(accepts(DebitCredits, { ...input, description: "d", referenceId: "r".repeat(201) })).toBe(false);
    expect(accepts(DebitCredits, { ...input, description: "d", category: "c".repeat(101) })).toBe(false);
  });
});

describe("what is spent first", () => {
  test("the lower priority, then free before paid, then what expires first, then the oldest", () => {
    const story = ledgerStory();
    story.buys(1);
    story.buys(2);
    story.buys(3, { expiresAt: "2026-06-01T00:00:00Z" });
    story.buys(4, { expiresAt: "2026-05-01T00:00:00Z" });
    story.buys(5, { kind: "promotional" });
    story.buys(6, { priority: 10 });
    story.buys(7, { priority: 90, kind: "promotional" });
    expect(story.lots()).toEqual([
      [6, 6],
      [5, 5],
      [4, 4],
      [3, 3],
      [1, 1],
      [2, 2],
      [7, 7],
    ]);
    const [debit] = story.ask(DebitCredits, spend(13)).events;
    expect(debit?.data).toMatchObject({
      parts: [
        { lot: 6, amount: 6, priority: 10 },
        { lot: 5, amount: 5, kind: "promotional" },
        { lot: 4, amount: 2, expiresAt: "2026-05-01T00:00:00.000Z" },
      ],
    });
    expect(story.lots()).toEqual([
      [4, 2],
      [3, 3],
      [1, 1],
      [2, 2],
      [7, 7],
    ]);
  });
});

describe("credits expire", () => {
  test("at their time, without any job: the next command finds them gone and writes it down, once", () => {
    const story = ledgerStory();
    story.buys(10, { expiresAt: "2026-03-01T10:00:00Z" });
    story.buys(5);
    expect(story.ask(DebitCredits, spend(6), later(60)).refusal).toMatchObject({
      code: "INSUFFICIENT_CREDITS",
      details: { balance: 5, held: 0, available: 5, required: 6, shortfall: 1 },
    });
    const { happened, answer } = story.ask(DebitCredits, spend(1), later(60));
    expect(happened).toEqual(["CreditsExpired", "CreditsDebited"]);
    expect(answer).toMatchObject({ balance: 4, transaction: { balanceAfter: 4 } });
    expect(story.ask(DebitCredits, spend(1), later(61)).happened).toEqual(["CreditsDebited"]);
  });

  test("a millisecond before they can be spent", () => {
    const story = ledgerStory();
    story.buys(10, { expiresAt: "2026-03-01T10:00:00Z" });
    expect(story.ask(DebitCredits, spend(10), { now: "2026-03-01T09:59:59.999Z" }).happened).toEqual([
      "CreditsDebited",
    ]);
  });

  test("what is due happens in the order of its time", () => {
    const story = ledgerStory();
    story.buys(1, { expiresAt: "2026-03-01T12:00:00Z" });
    story.buys(2, { effectiveAt: "2026-03-01T10:00:00Z", expiresAt: "2026-03-01T11:00:00Z" });
    story.buys(4);
    expect(story.ask(DebitCredits, spend(1), later(24 * 60)).happened).toEqual([
      "CreditsActivated",
      "CreditsExpired",
      "CreditsExpired",
      "CreditsDebited",
    ]);
    expect(story.balance().posted).toBe(3);
  });
});

describe("adjusting", () => {
  test("upwards is a free lot, downwards takes from the lots there are, both with their reason", () => {
    const story = ledgerStory();
    story.buys(10);
    const up = story.ask(AdjustCredits, { amount: 5, reason: "Goodwill" });
    expect(up.answer).toMatchObject({ transaction: { type: "adjustment", change: 5, description: "Goodwill" } });
    expect(story.lots()).toEqual([
      [2, 5],
      [1, 10],
    ]);
    const down = story.ask(AdjustCredits, { amount: -7, reason: "Charged too little" });
    expect(down.answer).toMatchObject({ balance: 8, transaction: { amount: 7, change: -7, balanceAfter: 8 } });
    expect(down.events).toMatchObject([{ type: "CreditsDeducted", data: { parts: [{ lot: 2 }, { lot: 1 }] } }]);
  });

  test("does not go below what is available", () =>
    expect(ledgerStory().ask(AdjustCredits, { amount: -1, reason: "Too much" }).refusal?.code).toBe(
      "INSUFFICIENT_CREDITS",
    ));
});
