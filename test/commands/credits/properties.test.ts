import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AdvanceLedger } from "../../../src/commands/credits/catchUp.ts";
import { SetCreditLimit } from "../../../src/commands/credits/creditLimit.ts";
import { DebitCredits } from "../../../src/commands/credits/debits.ts";
import { AdjustCredits } from "../../../src/commands/credits/grants.ts";
import { CaptureHold, PlaceHold, ReleaseHold } from "../../../src/commands/credits/holds.ts";
import { RefundDebit } from "../../../src/commands/credits/refunds.ts";
import { SendTransfer } from "../../../src/commands/credits/transfers.ts";
import { creditLedger } from "../../../src/domain/credits/creditLedger.ts";
import { totalOf } from "../../../src/domain/credits/lots.ts";
import type { LedgerEvent } from "../../../src/domain/credits/unfolding.ts";
import { fold, type Recorded } from "../../../src/kernel/decider.ts";
import { later, ledgerStory } from "../../domain/ledgerStory.ts";
import { id } from "../../spec.ts";

const amount = fc.integer({ min: 1, max: 60 });
const hours = fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined });
const some = fc.integer({ min: 0, max: 4 });

/** What may be asked; `which` picks among the holds or debits there were. */
const request = fc.oneof(
  fc.record({ ask: fc.constant("buy"), amount, expiresIn: hours, startsIn: hours, isFree: fc.boolean() }),
  fc.record({ ask: fc.constantFrom("debit", "hold", "send"), amount }),
  fc.record({ ask: fc.constant("capture"), which: some, amount, isFinal: fc.boolean() }),
  fc.record({ ask: fc.constantFrom("release", "refund"), which: some, amount }),
  fc.record({ ask: fc.constant("adjust"), amount: fc.integer({ min: -30, max: 30 }).filter((by) => by !== 0) }),
  fc.record({ ask: fc.constant("limit"), amount: fc.integer({ min: 0, max: 100 }) }),
  fc.record({ ask: fc.constant("advance") }),
);
type Request = {
  ask: string;
  amount?: number;
  which?: number;
  isFinal?: boolean;
  isFree?: boolean;
  expiresIn?: number;
  startsIn?: number;
};
const requests = fc.array(fc.tuple(fc.integer({ min: 0, max: 90 }), request), { maxLength: 40 });

type Story = ReturnType<typeof ledgerStory>;

const inHours = (now: string, count: number | undefined) =>
  count === undefined ? undefined : new Date(Date.parse(now) + count * 3_600_000).toISOString();

const debitsOf = ({ history }: Story) =>
  history.filter((event) => event.type === "CreditsDebited" || event.type === "HoldCaptured");

const refundOf = (event: Recorded<LedgerEvent>, amount: number) => {
  if (event.type !== "CreditsDebited" && event.type !== "HoldCaptured") throw new Error("no debit");
  const { amount: debited, parts, charges } = event.data;
  const debit = { amount: debited, parts, charges, debitedAt: event.metadata.occurredAt };
  return { transactionId: event.id, amount, description: "Back", debit };
};

/** Asks it; what there is nothing to ask about is left out. */
const carryOut = (story: Story, request: Request, told: { now: string }, step: number) => {
  const { ask, amount = 1, which = 0 } = request;
  const spending = { amount, description: "Run" };
  const hold = story.state().holds[which];
  const debit = debitsOf(story)[which];
  if (ask === "debit") return story.ask(DebitCredits, spending, told);
  if (ask === "hold") return story.ask(PlaceHold, { holdId: id(`hold ${step}`), ...spending }, told);
  if (ask === "send")
    return story.ask(SendTransfer, { transferId: id(`sent ${step}`), toWorkspaceId: id("there"), ...spending }, told);
  if (ask === "adjust") return story.ask(AdjustCredits, { amount, reason: "Correction" }, told);
  if (ask === "limit") return story.ask(SetCreditLimit, { creditLimit: amount }, told);
  if (ask === "advance") return story.ask(AdvanceLedger, {}, told);
  if (ask === "capture" && hold)
    return story.ask(CaptureHold, { holdId: hold.holdId, amount, final: request.isFinal ?? true }, told);
  if (ask === "release" && hold) return story.ask(ReleaseHold, { holdId: hold.holdId }, told);
  if (ask === "refund" && debit) return story.ask(RefundDebit, refundOf(debit, amount), told);
  const effectiveAt = inHours(told.now, request.startsIn);
  const expiresAt = inHours(told.now, request.expiresIn);
  const kind = request.isFree ? "promotional" : "purchased";
  const terms = { kind, ...(effectiveAt && { effectiveAt }), ...(expiresAt && { expiresAt }) };
  return story.buys(amount, terms, told);
};

/** Every step with the clock going on, told to `look`. The story itself finds what is negative or does not add up. */
const told = (asked: readonly (readonly [number, Request])[], look: (story: Story, now: string) => void = () => {}) => {
  const story = ledgerStory("pro");
  let minutes = 0;
  asked.forEach(([pause, request], step) => {
    minutes += pause;
    const now = later(minutes).now ?? "";
    carryOut(story, request, { now }, step);
    look(story, now);
  });
  return story;
};

const signOf: Partial<Record<LedgerEvent["type"], 1 | -1>> = {
  ...{ CreditsPurchased: 1, CreditsGranted: 1, CreditsAdjusted: 1, CreditsActivated: 1, CreditsRefunded: 1 },
  ...{ CreditsDebited: -1, CreditsDeducted: -1, HoldCaptured: -1, CreditsExpired: -1, TransferSent: -1 },
};

const changeOf = ({ type, data }: LedgerEvent): number => {
  if ("effectiveAt" in data && data.effectiveAt !== null && type !== "CreditsActivated") return 0;
  return "amount" in data ? (signOf[type] ?? 0) * data.amount : 0;
};

describe("whatever is asked, in whatever order, however much time passes", () => {
  const holds = (property: (asked: (readonly [number, Request])[]) => void) =>
    fc.assert(fc.property(requests as fc.Arbitrary<[number, Request][]>, property), { numRuns: 300 });

  test("BILL-07: nothing is negative at any event, and every event says what the ledger adds up to", () =>
    holds((all) => void told(all)));

  test("BILL-02, BILL-03: what is posted is the sum of all movements", () =>
    holds((all) => {
      let posted = 0;
      for (const event of told(all).history) {
        posted += changeOf(event);
        expect(event.data.after.posted).toBe(posted);
      }
    }));

  test("the parts of every event add up to its amount, and lots and holds to the balance", () =>
    holds((all) => {
      const story = told(all, ({ state, balance }) => {
        const { lots, holds: open, free, debt, heldOverdraft } = state();
        expect(totalOf(lots)).toBe(free);
        expect(totalOf(open)).toBe(balance().held);
        expect(balance().posted).toBe(free + balance().held - heldOverdraft - debt);
        for (const { amount, parts } of open) expect(totalOf(parts)).toBe(amount);
      });
      for (const { data } of story.history) {
        const {
          parts,
          amount,
          settled = 0,
        } = data as { parts?: { amount: number }[]; amount: number; settled?: number };
        if (parts) expect(totalOf(parts) + settled).toBe(amount);
      }
    }));

  test("it is known when something is due next, neither early nor late", () =>
    holds(
      (all) =>
        void told(all, ({ state }) => {
          const { coming, lots, holds: open, dueAt } = state();
          const times = [
            ...coming.map(({ effectiveAt }) => effectiveAt),
            ...[...lots, ...open].map((of) => of.expiresAt),
          ];
          expect(dueAt).toBe(times.filter((at) => at !== null).toSorted()[0] ?? null);
        }),
    ));

  test("each hold is resolved once, and never is more captured than it held", () =>
    holds((all) => {
      const left = new Map<string, number>();
      for (const { type, data } of told(all).history) {
        if (type === "HoldPlaced") left.set(data.holdId, data.amount);
        if (type === "HoldCaptured") {
          const before = left.get(data.holdId) ?? Number.NaN;
          expect(data.amount + totalOf(data.released) + data.remaining).toBe(before);
          if (data.isFinal) left.delete(data.holdId);
          else left.set(data.holdId, data.remaining);
        }
        if (type === "HoldReleased" || type === "HoldExpired") {
          expect(data.amount).toBe(left.get(data.holdId));
          left.delete(data.holdId);
        }
      }
    }));

  test("a debit is never refunded by more than it took, and its lots get back what they gave", () =>
    holds((all) => {
      const story = told(all);
      const refunds = story.history.filter((event) => event.type === "CreditsRefunded");
      for (const [debitId, of] of Map.groupBy(refunds, ({ data }) => data.debitId)) {
        const debit = debitsOf(story).find((event) => event.id === debitId) ?? expect.fail("no debit was refunded");
        const { amount, parts } = debit.data;
        const refunded = totalOf(of.map(({ data }) => data));
        expect(refunded).toBeLessThanOrEqual(amount);
        for (const { lot, amount: gave, expiresAt } of parts.filter((part) => part.lot !== 0)) {
          const back = of.flatMap(({ data }) => data.parts.filter((part) => part.lot === lot));
          expect(totalOf(back)).toBeLessThanOrEqual(gave);
          if (refunded === amount) expect(totalOf(back)).toBe(gave);
          expect(back.filter((part) => part.expiresAt !== expiresAt)).toEqual([]);
        }
      }
    }));

  test("expired credits are not spent at their time or later, though no job has run", () =>
    holds((all) => {
      for (const { type, data, metadata } of told(all).history) {
        if (type !== "CreditsDebited" && type !== "HoldPlaced" && type !== "TransferSent") continue;
        for (const { expiresAt } of data.parts)
          expect(expiresAt === null || expiresAt > metadata.occurredAt).toBe(true);
      }
    }));

  test("a ledger folded from any snapshot of itself, through JSON, is the same one", () =>
    holds((all) => {
      const { history, state } = told(all);
      const half = Math.floor(history.length / 2);
      const snapshot = JSON.parse(JSON.stringify(fold(creditLedger, history.slice(0, half))));
      expect(fold(creditLedger, history.slice(half), snapshot)).toEqual(state());
    }));
});
