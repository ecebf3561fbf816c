import { z } from "zod";
import { CreditLevel } from "../../domain/credits/amounts.ts";
import { balanceOf } from "../../domain/credits/creditLedger.ts";
import { creditLimitMax } from "../../domain/credits/plans.ts";
import { reject } from "../../kernel/rejection.ts";
import { asked, InLedger, Left, ledgerCommand, left } from "./ledgerCommand.ts";

/** How far below zero the balance may go, as far as the plan allows it. */
export const SetCreditLimit = ledgerCommand({
  name: "SetCreditLimit",
  permission: "billing:admin",
  input: InLedger.extend({ creditLimit: CreditLevel }),
  output: Left.extend({ creditLimit: CreditLevel }),
  decide: ({ creditLimit }, ledger) => {
    const max = creditLimitMax[ledger.planType];
    if (creditLimit > max)
      return reject("unprocessable", "CREDIT_LIMIT_TOO_HIGH", "The plan does not allow this much.", {
        ...{ planType: ledger.planType, max },
      });
    const used = ledger.creditLimit - balanceOf(ledger).available;
    if (creditLimit < used)
      return reject("conflict", "CREDIT_LIMIT_IN_USE", "More than this is drawn or held already.", { used });
    return [{ type: "CreditLimitSet", data: { creditLimit } }];
  },
  answer: ({ events }) => ({ creditLimit: asked(events, "CreditLimitSet").data.creditLimit, ...left(events) }),
});

/** What time has done to a ledger nobody writes to. */
export const AdvanceLedger = ledgerCommand({
  name: "AdvanceLedger",
  permission: "billing:admin",
  input: InLedger,
  output: z.null(),
  decide: () => [],
  answer: () => null,
});
