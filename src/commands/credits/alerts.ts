import { CreditLevel } from "../../domain/credits/amounts.ts";
import { reject } from "../../kernel/rejection.ts";
import { asked, InLedger, Left, ledgerCommand, left } from "./ledgerCommand.ts";

/** `rearmAt`: available credits have to reach this before a low balance is told again; a tenth above unless told. */
export const ConfigureBalanceAlert = ledgerCommand({
  name: "ConfigureBalanceAlert",
  permission: "credits:admin",
  input: InLedger.extend({ threshold: CreditLevel.nullable(), rearmAt: CreditLevel.optional() }),
  output: Left.extend({ threshold: CreditLevel.nullable(), rearmAt: CreditLevel }),
  decide: ({ threshold, rearmAt = aTenthAbove(threshold ?? 0) }) =>
    rearmAt < (threshold ?? 0)
      ? reject("invalid", "REARM_BELOW_THRESHOLD", "The balance recovers at the threshold or above it.")
      : [{ type: "BalanceAlertConfigured", data: { threshold, rearmAt } }],
  answer: ({ events }) => {
    const { threshold, rearmAt } = asked(events, "BalanceAlertConfigured").data;
    return { threshold, rearmAt, ...left(events) };
  },
});

const aTenthAbove = (threshold: number): number =>
  Math.min(Number.MAX_SAFE_INTEGER, threshold + Math.ceil(threshold / 10));
