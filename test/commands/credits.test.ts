import { describe, expect, test } from "vitest";
import { AddCredits, ConfigureAutoRecharge, DebitCredits, OpenLedger } from "../../src/commands/credits.ts";
import { balanceMax, creditLedger } from "../../src/domain/credits/creditLedger.ts";
import {
  autoRecharge,
  configure,
  debit,
  debited,
  inLedger,
  opened,
  purchase,
  purchased,
  recharged,
  workspaceId,
} from "../domain/ledgerHistory.ts";
import { accepts, at, eventId, facts, given } from "../spec.ts";

describe("opening a ledger", () => {
  const open = { ...inLedger, planType: "free" };

  test("starts it empty, at the time it is told", () =>
    given(creditLedger)
      .when(OpenLedger, open, at("2026-03-01T09:00:00.000Z"))
      .then({
        type: "LedgerOpened",
        data: { ...inLedger, planType: "free", creditLimit: 0, openedAt: "2026-03-01T09:00:00.000Z" },
      }));

  test("happens once", () => given(creditLedger).when(OpenLedger, open).again().thenNothing());

  test("answers nothing", () => given(creditLedger, opened).when(OpenLedger, open).thenAnswers(null));
});

describe("adding credits", () => {
  test("BILL-02: is recorded as a purchase", () =>
    given(creditLedger, opened).when(AddCredits, purchase(100)).then(purchased(100)));

  test("BILL-02: asked twice, is done twice: sameness is the command id's, not the amount's", () =>
    given(creditLedger, opened).when(AddCredits, purchase(100)).again().then(purchased(100)));

  test("answers with the transaction and the balance after it", () =>
    given(creditLedger, opened, purchased(50))
      .when(AddCredits, purchase(100))
      .thenAnswers({
        transaction: {
          id: eventId(2),
          type: "purchase",
          amount: 100,
          balanceAfter: 150,
          description: "Top-up",
          referenceId: null,
          createdAt: facts.now,
        },
        balance: 150,
      }));

  test("BILL-02: is exact up to 2^53 − 1", () => {
    const almostFull = given(creditLedger, opened, purchased(balanceMax - 1));
    almostFull.when(AddCredits, purchase(1)).then(purchased(1));
    almostFull
      .when(AddCredits, purchase(2))
      .thenRefused("unprocessable", "BALANCE_LIMIT_EXCEEDED", { balance: balanceMax - 1, balanceMax });
    given(creditLedger, opened).when(AddCredits, purchase(balanceMax)).then(purchased(balanceMax));
  });

  test("needs a ledger", () =>
    given(creditLedger).when(AddCredits, purchase(1)).thenRefused("missing", "RESOURCE_NOT_FOUND"));
});

describe("debiting credits", () => {
  test("BILL-03: takes the amount, with the reference it is given", () =>
    given(creditLedger, opened, purchased(100))
      .when(DebitCredits, { ...debit(40), referenceId: "run-7" })
      .then(debited(40, "run-7")));

  test("BILL-03: takes all there is", () =>
    given(creditLedger, opened, purchased(balanceMax)).when(DebitCredits, debit(balanceMax)).then(debited(balanceMax)));

  test("answers with the transaction and the balance after it", () =>
    given(creditLedger, opened, purchased(100))
      .when(DebitCredits, { ...debit(40), referenceId: "run-7" })
      .thenAnswers({
        transaction: {
          id: eventId(2),
          type: "debit",
          amount: 40,
          balanceAfter: 60,
          description: "Enrichment",
          referenceId: "run-7",
          createdAt: facts.now,
        },
        balance: 60,
      }));

  test("BILL-04: takes nothing that is not there, and says what is missing", () =>
    given(creditLedger, opened, purchased(30), debited(5))
      .when(DebitCredits, debit(40))
      .thenRefused("insufficient", "INSUFFICIENT_CREDITS", { balance: 25, required: 40, shortfall: 15 }));

  test("BILL-04: a second debit of all there is is refused", () =>
    given(creditLedger, opened, purchased(40))
      .when(DebitCredits, debit(40))
      .again()
      .thenRefused("insufficient", "INSUFFICIENT_CREDITS", { balance: 0, required: 40, shortfall: 40 }));

  test("BILL-04: a recharge to come is no credit to spend", () =>
    given(creditLedger, opened, autoRecharge(10, 1000), purchased(5))
      .when(DebitCredits, debit(6))
      .thenRefused("insufficient", "INSUFFICIENT_CREDITS", { balance: 5, required: 6, shortfall: 1 }));

  test("needs a ledger", () =>
    given(creditLedger).when(DebitCredits, debit(1)).thenRefused("missing", "RESOURCE_NOT_FOUND"));
});

describe("automatic recharge", () => {
  const rechargedBelowTen = given(creditLedger, opened, purchased(12), autoRecharge(10, 50));

  test("BILL-06: follows the debit that brings the balance under the threshold", () =>
    rechargedBelowTen.when(DebitCredits, debit(3)).then(debited(3), recharged(50)));

  test("BILL-06: does not follow one that stops at the threshold", () =>
    rechargedBelowTen.when(DebitCredits, debit(2)).then(debited(2)));

  test("BILL-06: does not follow while it is switched off", () =>
    given(creditLedger, opened, purchased(12), autoRecharge(10, 50, false))
      .when(DebitCredits, debit(12))
      .then(debited(12)));

  test("BILL-06: comes once, also when one amount does not reach the threshold", () =>
    given(creditLedger, opened, purchased(100), autoRecharge(80, 1))
      .when(DebitCredits, debit(100))
      .then(debited(100), recharged(1)));

  test("BILL-06: the next debit above the threshold has none", () =>
    rechargedBelowTen.when(DebitCredits, debit(3)).again().then(debited(3)));

  test("BILL-06: the debit is answered with the balance before it, and that of the ledger after it", () =>
    rechargedBelowTen.when(DebitCredits, debit(3)).thenAnswers({
      transaction: {
        id: eventId(3),
        type: "debit",
        amount: 3,
        balanceAfter: 9,
        description: "Enrichment",
        referenceId: null,
        createdAt: facts.now,
      },
      balance: 59,
    }));
});

describe("configuring the automatic recharge", () => {
  test("BILL-10: is recorded", () =>
    given(creditLedger, opened).when(ConfigureAutoRecharge, configure(10, 50)).then(autoRecharge(10, 50)));

  test("changes nothing the second time", () =>
    given(creditLedger, opened).when(ConfigureAutoRecharge, configure(10, 50)).again().thenNothing());

  test.each([
    ["switched off", configure(10, 50, false), autoRecharge(10, 50, false)],
    ["with another threshold", configure(11, 50), autoRecharge(11, 50)],
    ["with another amount", configure(10, 51), autoRecharge(10, 51)],
  ])("is recorded again when %s", (_, input, event) =>
    given(creditLedger, opened, autoRecharge(10, 50)).when(ConfigureAutoRecharge, input).then(event),
  );

  test("recharges nothing by itself", () =>
    given(creditLedger, opened)
      .when(ConfigureAutoRecharge, configure(balanceMax - 1, 1))
      .then(autoRecharge(balanceMax - 1, 1)));

  test("is refused where a recharge could exceed the largest exact balance", () =>
    given(creditLedger, opened)
      .when(ConfigureAutoRecharge, configure(balanceMax, 1))
      .thenRefused("invalid", "RECHARGE_TOO_LARGE", { balanceMax }));

  test("BILL-01: is answered with the billing data of the month around now", () =>
    given(creditLedger, opened, purchased(7))
      .when(ConfigureAutoRecharge, configure(10, 50), at("2026-03-01T09:00:00.000Z"))
      .thenAnswers({
        workspaceId,
        planType: "free",
        creditBalance: 7,
        creditLimit: 0,
        billingCycleStart: "2026-02-28T12:00:00.000Z",
        billingCycleEnd: "2026-03-31T12:00:00.000Z",
        autoRecharge: true,
        autoRechargeThreshold: 10,
        autoRechargeAmount: 50,
      }));

  test("needs a ledger", () =>
    given(creditLedger).when(ConfigureAutoRecharge, configure(1, 1)).thenRefused("missing", "RESOURCE_NOT_FOUND"));
});

describe("what is no amount of credits is not let in", () => {
  test.each([0, -1, 1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, "10", null])("%s", (amount) => {
    expect(accepts(AddCredits, { ...purchase(1), amount })).toBe(false);
    expect(accepts(DebitCredits, { ...debit(1), amount })).toBe(false);
    expect(accepts(ConfigureAutoRecharge, { ...configure(1, 1), amount })).toBe(false);
  });

  test("a threshold of 0 is a level, an amount of 0 is none", () => {
    expect(accepts(ConfigureAutoRecharge, configure(0, 1))).toBe(true);
    expect(accepts(ConfigureAutoRecharge, configure(1, 0))).toBe(false);
    expect(accepts(ConfigureAutoRecharge, configure(-1, 1))).toBe(false);
  });

  test("what is answered before a recharge was ever configured, off and all 0, can be sent back", () => {
    expect(accepts(ConfigureAutoRecharge, configure(0, 0, false))).toBe(true);
    given(creditLedger, opened, autoRecharge(10, 50))
      .when(ConfigureAutoRecharge, configure(0, 0, false))
      .then(autoRecharge(0, 0, false));
  });

  test("words have their bounds", () => {
    expect(accepts(DebitCredits, { ...debit(1), description: "d".repeat(500), referenceId: "r".repeat(200) })).toBe(
      true,
    );
    expect(accepts(DebitCredits, { ...debit(1), description: "d".repeat(501) })).toBe(false);
    expect(accepts(DebitCredits, { ...debit(1), description: "" })).toBe(false);
    expect(accepts(DebitCredits, { ...debit(1), referenceId: "r".repeat(201) })).toBe(false);
  });
});
