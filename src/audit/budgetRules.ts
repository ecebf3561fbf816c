import { applies, currentPeriod, spentIn } from "../domain/credits/budget.ts";
import type { OpenCreditLedger } from "../domain/credits/creditLedger.ts";
import type { LedgerEvent } from "../domain/credits/unfolding.ts";
import { canonical } from "../eventstore/chain.ts";
import type { Recorded } from "../kernel/decider.ts";

/**
 * What is spent or held counts in every budget it falls under, in the period that budget is in, and fits into it. What
 * is captured counts where its hold did.
 */
export const budgetBreach = (
  { budgets, holds }: OpenCreditLedger,
  { type, data, metadata: { actor, occurredAt } }: Recorded<LedgerEvent>,
): string | undefined => {
  if (type === "HoldCaptured") {
    const hold = holds.find(({ holdId }) => holdId === data.holdId);
    const isSame = hold && canonical(data.charges) === canonical(hold.charges);
    return isSame ? undefined : `it is charged to other budgets than hold ${data.holdId}`;
  }
  if (type !== "CreditsDebited" && type !== "HoldPlaced") return undefined;
  const under = budgets
    .filter((budget) => applies(budget, actor))
    .map((budget) => ({ ...budget, current: currentPeriod(budget, occurredAt) }));
  const charges = under.map(({ budgetId, current: periodStart }) => ({ budgetId, periodStart }));
  if (canonical(data.charges) !== canonical(charges)) return "it is charged to other budgets than it falls under";
  const exceeded = under.find((budget) => data.amount > budget.limit - spentIn(budget, budget.current));
  return exceeded && `budget ${exceeded.budgetId} allows ${exceeded.limit}, and more is spent of it`;
};
