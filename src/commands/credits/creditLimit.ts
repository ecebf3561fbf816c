import { CreditLevel } from "../../domain/credits/amounts.ts";
import { creditLimitMax } from "../../domain/credits/plans.ts";
import { reject } from "../../kernel/rejection.ts";
import { asked, InLedger, Left, ledgerCommand, left, tooMuch } from "./ledgerCommand.ts";

/** How far below zero the balance may go, as far as the plan allows it. */
export const SetCreditLimit = ledgerCommand({
  name: "SetCreditLimit",
  permission: "credits:admin",
  input: InLedger.extend({ creditLimit: CreditLevel }),
  output: Left.extend({ creditLimit: CreditLevel }),
  decide: ({ creditLimit }, ledger) => {
    const max = creditLimitMax[ledger.planType];
    if (creditLimit > max)
      return reject("unprocessable", "CREDIT_LIMIT_TOO_HIGH", "The plan does not allow this much.", {
        planType: ledger.planType,
        max,
      });
    // Whatever lots there are beside it: they may expire, and what is drawn has to be covered then.
    const used = ledger.debt + ledger.heldOverdraft;
    if (creditLimit < used)
      return reject("conflict", "CREDIT_LIMIT_IN_USE", "More than this is drawn or held already.", { used });
    return tooMuch(ledger, creditLimit - ledger.creditLimit) ?? [{ type: "CreditLimitSet", data: { creditLimit } }];
  },
  answer: ({ events }) => ({ creditLimit: asked(events, "CreditLimitSet").data.creditLimit, ...left(events) }),
});
