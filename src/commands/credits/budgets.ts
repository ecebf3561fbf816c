import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { BudgetTerms } from "../../domain/credits/budget.ts";
import { reject } from "../../kernel/rejection.ts";
import { asked, InLedger, Left, ledgerCommand, left } from "./ledgerCommand.ts";

const budgetsMax = 100;
const permission = "credits:admin";

export const Budget = BudgetTerms.extend({ id: z.uuid() });

/** Makes a budget, or changes its limit or its alerts. What was spent before it was made does not count in it. */
export const SetBudget = ledgerCommand({
  name: "SetBudget",
  permission,
  input: InLedger.extend({ budgetId: z.uuid(), ...BudgetTerms.shape, alertsAt: BudgetTerms.shape.alertsAt.optional() }),
  output: Left.extend({ budget: Budget }),
  decide: ({ budgetId, scope, limit, period, alertsAt = [80, 100] }, { budgets }) => {
    const before = budgets.find((budget) => budget.budgetId === budgetId);
    if (before && !(before.period === period && isDeepStrictEqual(before.scope, scope)))
      return reject(
        "conflict",
        "BUDGET_IS_FIXED",
        "A budget keeps its scope and its period: please make another one.",
        {
          budgetId,
          scope: before.scope,
          period: before.period,
        },
      );
    if (!before && budgets.length >= budgetsMax)
      return reject("conflict", "TOO_MANY_BUDGETS", "There are too many budgets.", { max: budgetsMax });
    return [{ type: "BudgetSet", data: { budgetId, scope, limit, period, alertsAt } }];
  },
  answer: ({ events }) => {
    const { budgetId: id, scope, limit, period, alertsAt } = asked(events, "BudgetSet").data;
    return { budget: { id, scope, limit, period, alertsAt }, ...left(events) };
  },
});

export const RemoveBudget = ledgerCommand({
  name: "RemoveBudget",
  permission,
  input: InLedger.extend({ budgetId: z.uuid() }),
  output: Left,
  decide: ({ budgetId }, { budgets }) =>
    budgets.some((budget) => budget.budgetId === budgetId)
      ? [{ type: "BudgetRemoved", data: { budgetId } }]
      : reject("missing", "RESOURCE_NOT_FOUND", "There is no such budget."),
  answer: ({ events }) => left(events),
});
