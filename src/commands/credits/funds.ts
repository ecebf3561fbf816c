import { billingCycle } from "../../domain/credits/billingCycle.ts";
import { applies, type Charge, currentPeriod, spentIn } from "../../domain/credits/budget.ts";
import { balanceOf, type OpenCreditLedger } from "../../domain/credits/creditLedger.ts";
import { overdraft, type Part, taken } from "../../domain/credits/lots.ts";
import { rechargeState } from "../../domain/credits/recharge.ts";
import type { Facts } from "../../kernel/decider.ts";
import { isRejection, type Rejection, reject } from "../../kernel/rejection.ts";

/** The lots `amount` credits come from, the credit limit last. */
export const drawing = (ledger: OpenCreditLedger, amount: number, { now }: Facts): Part[] | Rejection => {
  const { posted, held, available } = balanceOf(ledger);
  if (amount > available)
    return reject("insufficient", "INSUFFICIENT_CREDITS", "The available credits do not cover this.", {
      balance: posted,
      held,
      available,
      required: amount,
      shortfall: amount - available,
      rechargeState: rechargeState(ledger.recharge, billingCycle(ledger.openedAt, now).start, now),
    });
  const parts = taken(ledger.lots, amount);
  return amount > ledger.free ? [...parts, overdraft(amount - ledger.free)] : parts;
};

/** What spending `amount` takes, if funds and the budgets of whoever asks allow it. */
export const spending = (
  ledger: OpenCreditLedger,
  amount: number,
  facts: Facts,
): { parts: Part[]; charges: Charge[] } | Rejection => {
  const parts = drawing(ledger, amount, facts);
  if (isRejection(parts)) return parts;
  const charges: Charge[] = [];
  for (const budget of ledger.budgets) {
    if (!applies(budget, facts.actor)) continue;
    const { budgetId, scope, limit, period } = budget;
    const periodStart = currentPeriod(budget, facts.now);
    const spent = spentIn(budget, periodStart);
    if (amount > limit - spent)
      return reject("insufficient", "SPENDING_LIMIT_EXCEEDED", "A spending limit does not allow this.", {
        budgetId,
        scope,
        period,
        periodStart,
        limit,
        spent,
        required: amount,
        shortfall: amount - Math.max(0, limit - spent),
      });
    charges.push({ budgetId, periodStart });
  }
  return { parts, charges };
};
