import { z } from "zod";
import { CreditLevel } from "./amounts.ts";

/** Whose spending is limited: everybody's in the workspace, one member's or one API key's. */
export const BudgetScope = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("workspace") }),
  z.object({ id: z.uuid(), kind: z.enum(["member", "api_key"]) }),
]);
export type BudgetScope = z.output<typeof BudgetScope>;

/** Calendar periods in UTC; weeks begin on Monday. */
export const BudgetPeriod = z.enum(["day", "week", "month"]);
export type BudgetPeriod = z.output<typeof BudgetPeriod>;

/** Percent of the limit at which it is told once a period. */
export const AlertThresholds = z.array(z.int().min(1).max(100)).max(10);

export const BudgetTerms = z.object({
  scope: BudgetScope,
  limit: CreditLevel,
  period: BudgetPeriod,
  alertsAt: AlertThresholds,
});

/** A budget something counts in, and in which of its periods. A hold counts from when it is placed. */
export const Charge = z.object({ budgetId: z.uuid(), periodStart: z.iso.datetime() });
export type Charge = z.output<typeof Charge>;

export type Budget = z.output<typeof BudgetTerms> & {
  budgetId: string;
  /** The newest period anything was charged in; empty before the first. */
  periodStart: string;
  spent: number;
  /** The highest threshold told in this period; 0 for none. */
  toldAt: number;
};

const dayMs = 86_400_000;

/** ISO 8601, of a moment in UTC. */
export const periodStartOf = (period: BudgetPeriod, now: string): string => {
  const day = `${now.slice(0, "2026-11-20".length)}T00:00:00.000Z`;
  if (period === "day") return day;
  if (period === "month") return `${now.slice(0, "2026-11".length)}-01T00:00:00.000Z`;
  const at = new Date(day);
  return new Date(at.getTime() - ((at.getUTCDay() + 6) % 7) * dayMs).toISOString();
};

/** The period a budget is in: one that has begun does not go back with a clock that does. */
export const currentPeriod = ({ period, periodStart }: Budget, now: string): string => {
  const start = periodStartOf(period, now);
  return start > periodStart ? start : periodStart;
};

export const spentIn = (budget: Budget, periodStart: string): number =>
  budget.periodStart === periodStart ? budget.spent : 0;

/** Percent; 0 for none. */
export const thresholdReached = ({ alertsAt, limit, spent }: Budget): number =>
  spent === 0 ? 0 : Math.max(0, ...alertsAt.filter((percent) => spent >= (limit * percent) / 100));

export const applies = ({ scope }: Budget, spender: { kind: string; id: string | null }): boolean =>
  scope.kind === "workspace" || (scope.kind === memberOrKey(spender.kind) && scope.id === spender.id);

const memberOrKey = (actorKind: string): string => (actorKind === "user" ? "member" : actorKind);

/** The budgets once `amount` more, or less than nothing, was spent. A period that is past stays as it was. */
export const charged = (budgets: readonly Budget[], charges: readonly Charge[], amount: number): readonly Budget[] =>
  charges.length === 0 ? budgets : budgets.map((budget) => charges.reduce(chargedWith(amount), budget));

const chargedWith =
  (amount: number) =>
  (budget: Budget, { budgetId, periodStart }: Charge): Budget => {
    if (budget.budgetId !== budgetId || periodStart < budget.periodStart) return budget;
    if (periodStart === budget.periodStart) return { ...budget, spent: Math.max(0, budget.spent + amount) };
    // Given back of what a budget of the same id was charged that was removed: it begins no period.
    return amount <= 0 ? budget : { ...budget, periodStart, spent: amount, toldAt: 0 };
  };
