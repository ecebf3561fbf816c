import { describe, expect, test } from "vitest";
import { ConfigureBalanceAlert } from "../../../src/commands/credits/alerts.ts";
import { SetBudget } from "../../../src/commands/credits/budgets.ts";
import { AdvanceLedger } from "../../../src/commands/credits/catchUp.ts";
import { CloseLedger } from "../../../src/commands/credits/closure.ts";
import { SetCreditLimit } from "../../../src/commands/credits/creditLimit.ts";
import { DebitCredits } from "../../../src/commands/credits/debits.ts";
import { AdjustCredits } from "../../../src/commands/credits/grants.ts";
import { CaptureHold, PlaceHold, ReleaseHold } from "../../../src/commands/credits/holds.ts";
import { ConfigureAutoRecharge, DeclineRecharge, SettleRecharge } from "../../../src/commands/credits/recharge.ts";
import { CompleteTransfer, ReceiveTransfer, SendTransfer } from "../../../src/commands/credits/transfers.ts";
import { later, ledgerStory, organizationId } from "../../domain/ledgerStory.ts";
import { id } from "../../spec.ts";

const transferId = id("transfer");
const spend = (amount: number) => ({ amount, description: "Run" });
const sending = { transferId, toWorkspaceId: id("there"), ...spend(1) };
const budget = { budgetId: id("budget"), scope: { kind: "workspace" }, limit: 5, period: "day" } as const;
const recharge = { enabled: true, threshold: 50, amount: 100, coolOffSeconds: 0 };

const closed = (begin: (story: ReturnType<typeof ledgerStory>) => void = () => undefined) => {
  const story = ledgerStory("pro");
  story.buys(100);
  begin(story);
  expect(story.ask(CloseLedger, {}).happened).toEqual(["LedgerClosed"]);
  return story;
};

describe("a closed ledger", () => {
  test("begins nothing new", () => {
    const story = closed();
    const refusals = [
      story.buys(1),
      story.ask(AdjustCredits, { amount: 1, reason: "Correction" }),
      story.ask(DebitCredits, spend(1)),
      story.ask(PlaceHold, { holdId: id("hold"), ...spend(1) }),
      story.ask(SendTransfer, sending),
      story.ask(ConfigureAutoRecharge, recharge),
      story.ask(SetCreditLimit, { creditLimit: 10 }),
      story.ask(SetBudget, budget),
      story.ask(ConfigureBalanceAlert, { threshold: 5 }),
    ].map(({ refusal }) => refusal && [refusal.rejected, refusal.code]);
    expect(refusals).toEqual(refusals.map(() => ["conflict", "LEDGER_CLOSED"]));
  });

  test("BILL-06: asks for no recharge any more, however low it is", () => {
    const story = closed((open) => {
      open.ask(ConfigureAutoRecharge, recharge);
      open.ask(PlaceHold, { holdId: id("hold"), ...spend(40) });
    });
    expect(story.ask(CaptureHold, { holdId: id("hold") }).happened).toEqual(["HoldCaptured"]);
    story.buys(1);
    expect(story.ask(AdvanceLedger, {}, later(24 * 60)).happened).toEqual([]);
    expect(story.state().recharge.isEnabled).toBe(false);
  });

  test("sees through what is under way: holds, the recharge that was asked for, a transfer that comes back", () => {
    const [captured, released, expiring] = [id("captured"), id("released"), id("expiring")];
    const story = closed((open) => {
      for (const holdId of [captured, released, expiring]) open.ask(PlaceHold, { holdId, ...spend(10) });
      open.ask(SendTransfer, { ...sending, amount: 30 });
      open.ask(ConfigureAutoRecharge, recharge);
    });
    const rechargeId = story.state().recharge.pending?.rechargeId ?? "";
    expect(story.ask(CaptureHold, { holdId: captured }).refusal).toBeUndefined();
    expect(story.ask(ReleaseHold, { holdId: released }).refusal).toBeUndefined();
    expect(story.ask(SettleRecharge, { rechargeId, reference: "in-1" }).happened).toEqual(["CreditsRecharged"]);
    const outcome = { kind: "refused", reason: "LEDGER_CLOSED" } as const;
    expect(story.ask(CompleteTransfer, { transferId, outcome }).happened).toEqual(["TransferReturned"]);
    expect(story.ask(AdvanceLedger, {}, later(60)).happened).toEqual(["HoldExpired"]);
    expect(story.balance()).toEqual({ posted: 190, held: 0, available: 190 });
    const declined = closed((open) => open.ask(ConfigureAutoRecharge, { ...recharge, threshold: 200 }));
    const pending = declined.state().recharge.pending?.rechargeId ?? "";
    declined.ask(DeclineRecharge, { rechargeId: pending, reason: "No money" });
    expect(declined.ask(AdvanceLedger, {}, later(24 * 60)).happened).toEqual([]);
  });

  test("refuses in writing what is sent to it", () => {
    const parts = [{ lot: 1, amount: 5, kind: "purchased", priority: 50, expiresAt: null } as const];
    const arriving = { transferId, fromWorkspaceId: id("here"), organizationId, parts, ...spend(5) };
    const { happened, answer } = closed().ask(ReceiveTransfer, arriving);
    expect(happened).toEqual(["TransferRefused"]);
    expect(answer).toEqual({ kind: "refused", reason: "LEDGER_CLOSED" });
  });

  test("is closed once, whatever is due in it", () => {
    const story = ledgerStory();
    story.buys(300);
    for (let hold = 0; hold < 250; hold += 1) story.ask(PlaceHold, { holdId: id(`hold ${hold}`), ...spend(1) });
    expect(story.ask(CloseLedger, {}, later(60)).happened).toContain("LedgerClosed");
    expect(story.ask(CloseLedger, {}, later(60)).happened).not.toContain("LedgerClosed");
    expect(story.balance().held).toBe(0);
  });
});
