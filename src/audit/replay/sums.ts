import { BudgetPeriod, type Charge, periodStartOf } from "../../domain/credits/budget.ts";
import type { TransactionType } from "../../domain/credits/transactionType.ts";
import type { LedgerEvent } from "../../domain/credits/unfolding.ts";
import type { Recorded } from "../../kernel/decider.ts";
import type { Row } from "./differences.ts";
import { changeIn, momentOf, type Step, transactionTypeOf } from "./eventRows.ts";

/** What adds up over the days and periods of a ledger. */
export type Sums = {
  /** By day. */
  days: Map<string, Day>;
  /** By day, category and member, as one text. */
  usage: Map<string, Used>;
  /** By budget, and then by the start of the period. */
  periods: Map<string, Map<string, number>>;
};
type DaySum = "granted" | "spent" | "refunded" | "deducted" | "expired" | "received" | "sent";
type Day = Record<DaySum | "transactions", number>;
type Used = Row & { debits: number; spent: number };

export const noSums = (): Sums => ({ days: new Map(), usage: new Map(), periods: new Map() });

/** Adjustments go either way: which it is, the sign of what was moved says. */
const sumOf: Readonly<Record<TransactionType, { up: DaySum; down: DaySum }>> = {
  purchase: { up: "granted", down: "granted" },
  grant: { up: "granted", down: "granted" },
  recharge: { up: "granted", down: "granted" },
  adjustment: { up: "granted", down: "deducted" },
  debit: { up: "spent", down: "spent" },
  refund: { up: "refunded", down: "refunded" },
  expiry: { up: "expired", down: "expired" },
  transfer_out: { up: "sent", down: "sent" },
  transfer_in: { up: "received", down: "received" },
  transfer_return: { up: "received", down: "received" },
};

const dayOf = (moment: string): string => moment.slice(0, 10);
const noDay: Day = {
  granted: 0,
  spent: 0,
  refunded: 0,
  deducted: 0,
  expired: 0,
  received: 0,
  sent: 0,
  transactions: 0,
};

export const noteDay = ({ days }: Sums, step: Step): void => {
  const change = changeIn(step);
  const type = transactionTypeOf(step.event);
  if (change === 0 || type === undefined) return;
  const sum = sumOf[type][change > 0 ? "up" : "down"];
  const day = dayOf(momentOf(step.event));
  const before = days.get(day) ?? noDay;
  days.set(day, { ...before, [sum]: before[sum] + Math.abs(change), transactions: before.transactions + 1 });
};

/** Debits and captures count for who made them; what is refunded is found in the refunds. */
export const noteUsage = ({ usage }: Sums, step: Step): void => {
  const { type, data, metadata } = step.event;
  if (type !== "CreditsDebited" && type !== "HoldCaptured") return;
  const { kind, id } = metadata.actor;
  const day = dayOf(metadata.occurredAt);
  const of = { day, category: data.category ?? "", member_kind: kind, member_id: id ?? "" };
  const key = JSON.stringify(Object.values(of));
  const { debits, spent } = usage.get(key) ?? { debits: 0, spent: 0 };
  usage.set(key, { ...of, debits: debits + 1, spent: spent - changeIn(step) });
};

/** An open hold counts only once it is captured. The period a budget is removed in begins anew with one of its id. */
export const noteSpending = ({ periods }: Sums, { type, data, metadata }: Recorded<LedgerEvent>): void => {
  const charge = (amount: number, charges: readonly Charge[]) => {
    for (const { budgetId, periodStart } of charges) {
      const spent = periods.get(budgetId) ?? new Map<string, number>();
      periods.set(budgetId, spent.set(periodStart, (spent.get(periodStart) ?? 0) + amount));
    }
  };
  if (type === "CreditsDebited" || type === "HoldCaptured") charge(data.amount, data.charges);
  if (type === "CreditsRefunded") charge(-data.amount, data.charges);
  if (type === "BudgetRemoved")
    for (const period of BudgetPeriod.options)
      periods.get(data.budgetId)?.delete(periodStartOf(period, metadata.occurredAt));
};

type Ids = { workspace_id: string; organization_id: string };

export const dayRows = ({ days }: Sums, ids: Ids): Row[] => [...days].map(([day, sums]) => ({ ...ids, day, ...sums }));
export const usageRows = ({ usage }: Sums, ids: Ids): Row[] => [...usage.values()].map((row) => ({ ...ids, ...row }));
export const periodRows = ({ periods }: Sums, ids: Ids): Row[] =>
  [...periods].flatMap(([budget_id, spentIn]) =>
    [...spentIn].map(([period_start, spent]) => ({ ...ids, budget_id, period_start, spent })),
  );
