import { type BudgetPeriod, type Charge, periodStartOf } from "../../domain/credits/budget.ts";
import { accumulate, type Effect, insert, remove, table } from "../projection.ts";
import type { EventData, InLedger } from "./account.ts";

export const budgetsTable = table(
  "credit_budgets",
  {
    workspace_id: "uuid",
    budget_id: "uuid",
    organization_id: "uuid",
    scope: "text",
    scope_id: "text null",
    credit_limit: "bigint",
    period: "text",
    alerts_at: "jsonb",
    set_at: "timestamptz",
  },
  ["workspace_id", "budget_id"],
);

/** What was spent in each period, without what open holds reserve: that ends by itself when they do. */
export const periodsTable = table(
  "credit_budget_periods",
  {
    workspace_id: "uuid",
    budget_id: "uuid",
    period_start: "timestamptz",
    organization_id: "uuid",
    spent: "bigint",
  },
  ["workspace_id", "budget_id", "period_start"],
);

type OfBudget = { workspaceId: string; budgetId: string };
const keyOf = ({ workspaceId, budgetId }: OfBudget) => ({ workspace_id: workspaceId, budget_id: budgetId });

/** All there is to a budget: its row is another one afterwards. */
export const budgetSet: Effect<EventData<"BudgetSet">> = (data, { metadata: { occurredAt } }) => [
  remove(budgetsTable, keyOf(data)),
  insert(budgetsTable, {
    ...keyOf(data),
    organization_id: data.organizationId,
    scope: data.scope.kind,
    scope_id: "id" in data.scope ? data.scope.id : null,
    credit_limit: data.limit,
    period: data.period,
    alerts_at: JSON.stringify(data.alertsAt),
    set_at: occurredAt,
  }),
];

const periods: readonly BudgetPeriod[] = ["day", "week", "month"];

/** Should it be set again, what was spent before does not count in it. */
export const budgetRemoved: Effect<EventData<"BudgetRemoved">> = (data, { metadata: { occurredAt } }) =>
  [remove(budgetsTable, keyOf(data)), ...new Set(periods.map((period) => periodStartOf(period, occurredAt)))].map(
    (gone) => (typeof gone === "string" ? remove(periodsTable, { ...keyOf(data), period_start: gone }) : gone),
  );

export const charged =
  (sign: 1 | -1): Effect<InLedger & { amount: number; charges: readonly Charge[] }> =>
  ({ workspaceId, organizationId, amount, charges }) =>
    charges.map(({ budgetId, periodStart }) =>
      accumulate(
        periodsTable,
        { ...keyOf({ workspaceId, budgetId }), period_start: periodStart },
        { spent: sign * amount },
        { organization_id: organizationId },
      ),
    );
