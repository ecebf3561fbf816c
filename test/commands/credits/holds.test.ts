import { describe, expect, test } from "vitest";
import { AdvanceLedger } from "../../../src/commands/credits/catchUp.ts";
import { DebitCredits } from "../../../src/commands/credits/debits.ts";
import { CaptureHold, PlaceHold, ReleaseHold } from "../../../src/commands/credits/holds.ts";
import { defaultLimits } from "../../../src/commands/limits.ts";
import { later, ledgerStory } from "../../domain/ledgerStory.ts";
import { id } from "../../spec.ts";

const holdId = id("hold");
const reserve = (amount: number, more: object = {}) => ({ holdId, amount, description: "Run 7", ...more });
const spend = (amount: number) => ({ amount, description: "Enrichment" });

const holding = (amount: number, of = 100) => {
  const story = ledgerStory();
  story.buys(of);
  story.ask(PlaceHold, reserve(amount));
  return story;
};

describe("a hold", () => {
  test("reserves: what is held is posted and cannot be spent", () => {
    const story = ledgerStory();
    story.buys(100);
    expect(story.ask(PlaceHold, reserve(60, { category: "enrichment" })).answer).toEqual({
      hold: {
        ...{ id: holdId, amount: 60, remaining: 60, expiresAt: "2026-03-01T10:00:00.000Z" },
        ...{ description: "Run 7", referenceId: null, category: "enrichment" },
      },
      ...{ balance: 100, held: 60, available: 40 },
    });
    expect(story.ask(DebitCredits, spend(41)).refusal).toMatchObject({
      rejected: "insufficient",
      details: { balance: 100, held: 60, available: 40, required: 41, shortfall: 1, rechargeState: "off" },
    });
    expect(story.ask(DebitCredits, spend(40)).answer).toMatchObject({ balance: 60, held: 60, available: 0 });
  });

  test("is refused beyond what is available", () =>
    expect(holding(60).ask(PlaceHold, { ...reserve(41), holdId: id("other") }).refusal?.code).toBe(
      "INSUFFICIENT_CREDITS",
    ));

  test("is captured whole unless told, once", () => {
    const story = holding(60);
    expect(story.ask(CaptureHold, { holdId }).answer).toMatchObject({
      ...{ balance: 40, held: 0, available: 40, released: 0, remaining: 0 },
      transaction: { type: "debit", amount: 60, change: -60, balanceAfter: 40, description: "Run 7" },
    });
    for (const again of [story.ask(CaptureHold, { holdId }), story.ask(ReleaseHold, { holdId })])
      expect(again.refusal).toMatchObject({ rejected: "conflict", code: "HOLD_NOT_OPEN" });
  });

  test("captured in part gives back the rest", () =>
    expect(holding(60).ask(CaptureHold, { holdId, amount: 25 }).answer).toMatchObject({
      ...{ balance: 75, held: 0, available: 75, released: 35, remaining: 0 },
    }));

  test("is captured in several parts, up to what it holds and no further", () => {
    const story = holding(60);
    expect(story.ask(CaptureHold, { holdId, amount: 25, final: false }).answer).toMatchObject({
      ...{ balance: 75, held: 35, available: 40, released: 0, remaining: 35 },
    });
    expect(story.ask(CaptureHold, { holdId, amount: 36, final: false }).refusal).toMatchObject({
      ...{ rejected: "unprocessable", code: "CAPTURE_EXCEEDS_HOLD", details: { holdId, remaining: 35, required: 36 } },
    });
    expect(story.ask(CaptureHold, { holdId, amount: 35, final: false }).answer).toMatchObject({ balance: 40, held: 0 });
    expect(story.ask(ReleaseHold, { holdId }).refusal?.code).toBe("HOLD_NOT_OPEN");
  });

  test("is released: everything is as it was", () => {
    const story = ledgerStory();
    story.buys(40, { kind: "promotional" });
    story.buys(60);
    const before = story.lots();
    story.ask(PlaceHold, reserve(70));
    expect(story.lots()).toEqual([[2, 30]]);
    expect(story.ask(ReleaseHold, { holdId }).answer).toEqual({ released: 70, balance: 100, held: 0, available: 100 });
    expect(story.lots()).toEqual(before);
  });

  test("expires by itself at its time, and only then", () => {
    const story = holding(60);
    expect(story.ask(AdvanceLedger, {}, later(59)).happened).toEqual([]);
    expect(story.ask(CaptureHold, { holdId }, later(60)).refusal?.code).toBe("HOLD_NOT_OPEN");
    expect(story.ask(AdvanceLedger, {}, later(60)).happened).toEqual(["HoldExpired"]);
    expect(story.ask(AdvanceLedger, {}, later(61)).happened).toEqual([]);
    expect(story.balance()).toEqual({ posted: 100, held: 0, available: 100 });
  });

  test("keeps credits that expire meanwhile; released, they expire at once", () => {
    const expiring = () => {
      const story = ledgerStory();
      story.buys(50, { expiresAt: "2026-03-01T09:30:00Z" });
      story.ask(PlaceHold, reserve(20));
      return story;
    };
    const captured = expiring();
    expect(captured.ask(CaptureHold, { holdId, amount: 15 }, later(45)).happened).toEqual([
      "CreditsExpired",
      "HoldCaptured",
      "CreditsExpired",
    ]);
    expect(captured.balance()).toEqual({ posted: 0, held: 0, available: 0 });
    const released = expiring();
    expect(released.ask(ReleaseHold, { holdId }, later(45)).happened).toEqual([
      "CreditsExpired",
      "HoldReleased",
      "CreditsExpired",
    ]);
    expect(released.balance().posted).toBe(0);
  });

  test("many that end together are written down in portions that fit into an append; until then all else waits", () => {
    const story = ledgerStory();
    story.buys(1_000);
    for (let hold = 0; hold < 500; hold += 1) story.ask(PlaceHold, { ...reserve(1), holdId: id(`hold ${hold}`) });
    expect(story.ask(DebitCredits, spend(1), later(60)).refusal).toMatchObject({
      ...{ rejected: "limited", code: "LEDGER_CATCHING_UP" },
    });
    const portions = [1, 2, 3].map(() => story.ask(AdvanceLedger, {}, later(60)));
    expect(portions.map(({ answer }) => answer.written)).toEqual([362, 138, 0]);
    // About as the lanes reckon it: base64 and a kilobyte of metadata for each.
    const bytesOf = ({ data }: { data: object }) => 1_000 + 1.4 * JSON.stringify(data).length;
    for (const { events } of portions)
      expect(events.reduce((sum, event) => sum + bytesOf(event), 0)).toBeLessThan(defaultLimits.batchBytesMax);
    expect(story.ask(DebitCredits, spend(1_000), later(60)).answer).toMatchObject({ balance: 0, held: 0 });
  });

  test("that is over is not looked for any more", () => {
    const story = holding(60);
    story.ask(PlaceHold, { ...reserve(1), holdId: id("longer"), timeoutSeconds: 7_200 });
    story.ask(CaptureHold, { holdId });
    expect(story.state().dueAt).toBe("2026-03-01T11:00:00.000Z");
    story.ask(ReleaseHold, { holdId: id("longer") });
    expect(story.state().dueAt).toBeNull();
  });

  test("there are so many at a time and no more", () => {
    const story = ledgerStory();
    story.buys(10_000);
    for (let hold = 0; hold < 5_000; hold += 1) story.ask(PlaceHold, { ...reserve(1), holdId: id(`hold ${hold}`) });
    expect(story.ask(PlaceHold, reserve(1)).refusal?.code).toBe("TOO_MANY_HOLDS");
  });
});
