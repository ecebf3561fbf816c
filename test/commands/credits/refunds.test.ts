import { describe, expect, test } from "vitest";
import { SetBudget } from "../../../src/commands/credits/budgets.ts";
import { SetCreditLimit } from "../../../src/commands/credits/creditLimit.ts";
import { DebitCredits } from "../../../src/commands/credits/debits.ts";
import { RefundDebit } from "../../../src/commands/credits/refunds.ts";
import { creditLedger } from "../../../src/domain/credits/creditLedger.ts";
import { overdraft } from "../../../src/domain/credits/lots.ts";
import { type LedgerEvent, opened } from "../../../src/domain/credits/unfolding.ts";
import { fold, type Recorded } from "../../../src/kernel/decider.ts";
import { isRejection } from "../../../src/kernel/rejection.ts";
import { later, ledgerStory, organizationId, workspaceId } from "../../domain/ledgerStory.ts";
import { facts, id } from "../../spec.ts";

const spend = (amount: number) => ({ amount, description: "Enrichment" });

/** As the operation finds it in the stream. */
const refundOf = (debit: Recorded<LedgerEvent> | undefined, amount?: number) => {
  if (debit?.type !== "CreditsDebited") throw new Error("there is no debit to refund");
  const { amount: debited, parts, charges } = debit.data;
  return {
    transactionId: debit.id,
    description: "The job failed",
    ...(amount !== undefined && { amount }),
    debit: { amount: debited, parts, charges, debitedAt: debit.metadata.occurredAt },
  };
};

const threeLots = () => {
  const story = ledgerStory();
  story.buys(10, { kind: "promotional", expiresAt: "2026-03-01T12:00:00Z" });
  story.buys(10, { priority: 60 });
  story.buys(10, { priority: 70 });
  const [debit] = story.ask(DebitCredits, spend(25)).events;
  return { story, debit };
};

describe("a refund", () => {
  test("restores the lots the debit came from", () => {
    const { story, debit } = threeLots();
    expect(story.ask(RefundDebit, refundOf(debit)).answer).toMatchObject({
      ...{ balance: 30, transaction: { type: "refund", amount: 25, change: 25, balanceAfter: 30 } },
    });
    expect(story.lots()).toEqual([
      [1, 10],
      [2, 10],
      [3, 10],
    ]);
  });

  test("in parts gives back last what was taken first, and never more than was debited", () => {
    const { story, debit } = threeLots();
    story.ask(RefundDebit, refundOf(debit, 7));
    expect(story.lots()).toEqual([
      [2, 2],
      [3, 10],
    ]);
    story.ask(RefundDebit, refundOf(debit, 10));
    expect(story.lots()).toEqual([
      [1, 2],
      [2, 10],
      [3, 10],
    ]);
    expect(story.ask(RefundDebit, refundOf(debit, 9)).refusal).toMatchObject({
      ...{ rejected: "unprocessable", code: "REFUND_EXCEEDS_DEBIT" },
      details: { debited: 25, refunded: 17, refundable: 8 },
    });
    expect(story.ask(RefundDebit, refundOf(debit)).answer).toMatchObject({ balance: 30, transaction: { amount: 8 } });
    expect(story.ask(RefundDebit, refundOf(debit)).refusal?.code).toBe("REFUND_EXCEEDS_DEBIT");
  });

  test("of a lot that has expired meanwhile expires too", () => {
    const { story, debit } = threeLots();
    expect(story.ask(RefundDebit, refundOf(debit), later(180)).happened).toEqual(["CreditsRefunded", "CreditsExpired"]);
    expect(story.balance().posted).toBe(20);
  });

  test("pays back what was drawn on the credit limit, and owns what was paid back before", () => {
    const story = ledgerStory("pro");
    story.ask(SetCreditLimit, { creditLimit: 100 });
    story.buys(10);
    const [debit] = story.ask(DebitCredits, spend(50)).events;
    expect(story.balance()).toEqual({ posted: -40, held: 0, available: 60 });
    story.buys(30);
    expect(story.balance()).toEqual({ posted: -10, held: 0, available: 90 });
    expect(story.ask(RefundDebit, refundOf(debit)).answer.balance).toBe(40);
    expect(story.lots()).toEqual([
      [3, 30],
      [1, 10],
    ]);
    expect(story.state().debt).toBe(0);
  });

  test("counts no more in the spending limit it was counted in", () => {
    const story = ledgerStory();
    story.buys(100);
    story.ask(SetBudget, { budgetId: id("budget"), scope: { kind: "workspace" }, limit: 50, period: "day" });
    const [debit] = story.ask(DebitCredits, spend(50)).events;
    expect(story.ask(DebitCredits, spend(1)).refusal?.code).toBe("SPENDING_LIMIT_EXCEEDED");
    story.ask(RefundDebit, refundOf(debit, 20));
    expect(story.ask(DebitCredits, spend(21)).refusal?.code).toBe("SPENDING_LIMIT_EXCEEDED");
    expect(story.ask(DebitCredits, spend(20)).refusal).toBeUndefined();
  });

  test("is possible for 180 days, and what was refunded is kept in mind for as long", () => {
    const { story, debit } = threeLots();
    const day = 24 * 60;
    story.ask(RefundDebit, refundOf(debit, 1));
    expect(story.state().refunds).toHaveLength(1);
    expect(story.ask(RefundDebit, refundOf(debit), later(180 * day + 1)).refusal).toMatchObject({
      ...{ rejected: "conflict", code: "REFUND_WINDOW_CLOSED" },
    });
    const [another] = story.ask(DebitCredits, spend(1), later(181 * day)).events;
    story.ask(RefundDebit, refundOf(another), later(182 * day));
    expect(story.state().refunds.map(({ debitId }) => debitId)).toEqual([another?.id]);
  });

  test("comes never twice, though a process whose clock is ahead takes the time of the debit to be over", () => {
    const { story, debit } = threeLots();
    const minutes = 180 * 24 * 60;
    story.ask(RefundDebit, refundOf(debit));
    const [late] = story.ask(DebitCredits, spend(1), later(60)).events;
    story.ask(RefundDebit, refundOf(late), later(minutes + 10));
    expect(story.state().refunds).toHaveLength(1);
    expect(story.ask(RefundDebit, refundOf(debit), later(minutes - 1)).refusal?.code).toBe("REFUND_WINDOW_CLOSED");
  });

  test("is kept in mind of so many debits: of those before the ones forgotten no more can be given back", () => {
    const { story } = threeLots();
    const until = (index: number) => new Date(Date.parse("2026-06-01T00:00:00Z") + index * 60_000).toISOString();
    const data = (index: number) => ({
      ...{ workspaceId, organizationId, after: story.balance(), amount: 1, parts: [], settled: 0, charges: [] },
      ...{ debitId: id(`debit ${index}`), refundableUntil: until(index), refundedAt: facts.now, description: "Back" },
    });
    const refunded = Array.from({ length: 10_002 }, (_, index) => ({
      type: "CreditsRefunded" as const,
      data: data(index),
    }));
    const ledger = opened(fold(creditLedger, refunded, story.state()));
    expect(ledger.refunds).toHaveLength(10_000);
    expect(ledger.refundsClosedUntil).toBe(until(1));
    const debitedAt = (index: number) => new Date(Date.parse(until(index)) - 180 * 86_400_000).toISOString();
    const codeOf = (index: number) => {
      const debit = { amount: 1, parts: [overdraft(1)], charges: [], debitedAt: debitedAt(index) };
      const input = { workspaceId, transactionId: id(`debit ${index}`), description: "Again", debit };
      const decision = RefundDebit.decide(input, ledger, facts);
      return isRejection(decision) ? decision.code : undefined;
    };
    expect([0, 1, 2].map(codeOf)).toEqual(["REFUND_WINDOW_CLOSED", "REFUND_WINDOW_CLOSED", "REFUND_EXCEEDS_DEBIT"]);
  });
});
