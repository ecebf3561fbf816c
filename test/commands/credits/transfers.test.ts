import { describe, expect, test } from "vitest";
import { SetCreditLimit } from "../../../src/commands/credits/creditLimit.ts";
import { DebitCredits } from "../../../src/commands/credits/debits.ts";
import { CaptureHold, PlaceHold } from "../../../src/commands/credits/holds.ts";
import { CompleteTransfer, ReceiveTransfer, SendTransfer } from "../../../src/commands/credits/transfers.ts";
import { balanceMax } from "../../../src/domain/credits/amounts.ts";
import { later, ledgerStory, organizationId } from "../../domain/ledgerStory.ts";
import { id } from "../../spec.ts";

const transferId = id("transfer");
const sending = (amount: number) => ({ transferId, toWorkspaceId: id("there"), amount, description: "Share" });
const arriving = ({ parts }: { parts: Parameters<typeof ReceiveTransfer.decide>[0]["parts"] }, amount: number) => ({
  ...{ transferId, fromWorkspaceId: id("here"), organizationId, parts, amount, description: "Share" },
});

describe("a transfer", () => {
  test("takes from the lots here and makes lots on the same terms there", () => {
    const here = ledgerStory();
    here.buys(10, { kind: "promotional", priority: 20, expiresAt: "2026-03-01T10:00:00Z" });
    here.buys(90);
    const sent = here.ask(SendTransfer, sending(30));
    expect(sent.answer).toMatchObject({ balance: 70, transaction: { type: "transfer_out", change: -30 } });
    const there = ledgerStory();
    there.buys(5);
    expect(there.ask(ReceiveTransfer, arriving(sent.answer, 30)).answer).toEqual({ kind: "received" });
    expect(there.state().lots).toMatchObject([
      { lot: 2, amount: 10, kind: "promotional", priority: 20 },
      { lot: 1, amount: 5 },
      { lot: 3, amount: 20, kind: "purchased" },
    ]);
    expect(there.ask(DebitCredits, { amount: 26, description: "Run" }, later(60)).refusal?.code).toBe(
      "INSUFFICIENT_CREDITS",
    );
    here.ask(CompleteTransfer, { transferId, outcome: { kind: "received" } });
    expect(here.state().transfers).toEqual([]);
  });

  test("sends owned credits alone, not the credit limit", () => {
    const here = ledgerStory("pro");
    here.buys(10);
    here.ask(SetCreditLimit, { creditLimit: 100 });
    expect(here.ask(SendTransfer, sending(11)).refusal).toMatchObject({ details: { available: 10, shortfall: 1 } });
    expect(here.ask(SendTransfer, sending(10)).refusal).toBeUndefined();
  });

  test("sends nothing that is owed: what is drawn on the credit limit, or held of it, is not owned", () => {
    const here = ledgerStory("pro");
    here.ask(SetCreditLimit, { creditLimit: 100 });
    here.ask(PlaceHold, { holdId: id("hold"), amount: 60, description: "Run" });
    here.buys(100);
    expect(here.ask(SendTransfer, sending(41)).refusal).toMatchObject({ details: { available: 40, shortfall: 1 } });
    here.ask(CaptureHold, { holdId: id("hold") });
    expect(here.ask(SendTransfer, sending(41)).refusal).toMatchObject({ details: { available: 40, shortfall: 1 } });
    expect(here.ask(SendTransfer, sending(40)).answer.balance).toBe(0);
  });

  test("always has room to come back", () => {
    const here = ledgerStory();
    here.buys(50);
    here.ask(SendTransfer, sending(50));
    expect(here.buys(balanceMax - 49).refusal?.code).toBe("BALANCE_LIMIT_EXCEEDED");
    here.buys(balanceMax - 50);
    here.ask(CompleteTransfer, { transferId, outcome: { kind: "refused", reason: "TOO_MANY_LOTS" } });
    expect(here.balance().posted).toBe(balanceMax);
  });

  test("pays back what was drawn on the credit limit there", () => {
    const here = ledgerStory();
    here.buys(50);
    const { answer } = here.ask(SendTransfer, sending(50));
    const there = ledgerStory("pro");
    there.ask(SetCreditLimit, { creditLimit: 100 });
    there.ask(DebitCredits, { amount: 20, description: "Run" });
    there.ask(ReceiveTransfer, arriving(answer, 50));
    expect(there.balance()).toEqual({ posted: 30, held: 0, available: 130 });
    expect(there.state().debt).toBe(0);
  });

  test("that cannot be taken is refused in writing, and comes back to its lots, once", () => {
    const here = ledgerStory();
    here.buys(50);
    const { answer } = here.ask(SendTransfer, sending(50));
    const there = ledgerStory();
    there.buys(balanceMax);
    const { happened, answer: outcome } = there.ask(ReceiveTransfer, arriving(answer, 50));
    expect(happened).toEqual(["TransferRefused"]);
    expect(outcome).toEqual({ kind: "refused", reason: "BALANCE_LIMIT_EXCEEDED" });
    expect(here.ask(CompleteTransfer, { transferId, outcome }).happened).toEqual(["TransferReturned"]);
    expect(here.ask(CompleteTransfer, { transferId, outcome }).happened).toEqual([]);
    expect(here.lots()).toEqual([[1, 50]]);
  });

  test("goes nowhere but within its organization", () => {
    const here = ledgerStory();
    here.buys(1);
    const { answer } = here.ask(SendTransfer, sending(1));
    const foreign = { ...arriving(answer, 1), organizationId: id("elsewhere") };
    expect(ledgerStory().ask(ReceiveTransfer, foreign).answer).toEqual({
      kind: "refused",
      reason: "OTHER_ORGANIZATION",
    });
  });
});
