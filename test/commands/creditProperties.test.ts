import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DebitCredits } from "../../src/commands/credits.ts";
import { creditLedger } from "../../src/domain/credits/creditLedger.ts";
import { fold } from "../../src/kernel/decider.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import {
  balanceOf,
  debited,
  type LedgerEvent,
  opened,
  type Request,
  recharged,
  requests,
  steps,
} from "../domain/ledgerHistory.ts";
import { facts, recorded } from "../spec.ts";

describe("whatever is asked, in whatever order", () => {
  const holds = (property: (asked: Request[]) => void) => fc.assert(fc.property(requests, property), { numRuns: 300 });

  test("BILL-02, BILL-03: the balance is the exact sum of purchases and recharges less the debits", () =>
    holds((all) => {
      const done = steps(all);
      const sum = done.flatMap(({ events }) => events).reduce((total, event) => total + signed(event), 0n);
      expect(BigInt(balanceOf(done.at(-1)?.after ?? fold(creditLedger, [opened])))).toBe(sum);
    }));

  test("BILL-03: the balance is never negative and never beyond what is exact", () =>
    holds((all) => {
      for (const { events, before } of steps(all))
        for (let written = 1; written <= events.length; written += 1) {
          const balance = balanceOf(fold(creditLedger, events.slice(0, written), before));
          expect(Number.isSafeInteger(balance) && balance >= 0).toBe(true);
        }
    }));

  test("BILL-04: a debit is refused exactly when it exceeds the balance", () =>
    holds((all) => {
      for (const { asked, before, decision } of steps(all))
        if (asked.command === "DebitCredits")
          expect(isRejection(decision)).toBe(asked.input.amount > balanceOf(before));
    }));

  test("BILL-06: a debit is followed by one recharge exactly when it leaves less than the threshold", () =>
    holds((all) => {
      for (const { asked, before, decision } of steps(all)) {
        if (asked.command !== "DebitCredits" || isRejection(decision) || before.status !== "open") continue;
        const { isEnabled, threshold, amount } = before.autoRecharge;
        const isDue = isEnabled && before.balance - asked.input.amount < threshold;
        expect(decision).toEqual([debited(asked.input.amount), ...(isDue ? [recharged(amount)] : [])]);
      }
    }));

  test("BILL-05: a debit is answered with the balance right after it, and with the ledger's after a recharge", () =>
    holds((all) => {
      for (const { asked, before, events, after } of steps(all)) {
        if (asked.command !== "DebitCredits" || events.length === 0) continue;
        const written = events.map((event, revision) => recorded(event, revision));
        const { transaction, balance } = DebitCredits.answer({
          events: written,
          state: after,
          input: asked.input,
          facts,
        });
        expect(transaction.balanceAfter).toBe(balanceOf(before) - asked.input.amount);
        expect(balance).toBe(balanceOf(after));
      }
    }));
});

const signed = ({ type, data }: LedgerEvent): bigint => {
  if (type === "CreditsPurchased" || type === "CreditsRecharged") return BigInt(data.amount);
  return type === "CreditsDebited" ? -BigInt(data.amount) : 0n;
};
