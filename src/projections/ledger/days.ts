import { query, type Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { accumulate, type Effect, table } from "../projection.ts";
import { type Moved, momentOf } from "./transactions.ts";

/**
 * What moved posted credits on each day (UTC). Sums alone, so that it does not matter which of two events that clocks
 * put on different days was written first: what a day begins with is the sum of all before it.
 */
export const daysTable = table(
  "credit_daily",
  {
    workspace_id: "uuid",
    day: "date",
    organization_id: "uuid",
    granted: "bigint",
    spent: "bigint",
    refunded: "bigint",
    deducted: "bigint",
    expired: "bigint",
    received: "bigint",
    sent: "bigint",
    transactions: "bigint",
  },
  ["workspace_id", "day"],
);

type Sum = "granted" | "spent" | "refunded" | "deducted" | "expired" | "received" | "sent";

export const dayOf = (moment: string): string => moment.slice(0, 10);

export const onItsDay =
  (sum: Sum): Effect<Moved> =>
  (moved, { metadata: { occurredAt } }) =>
    accumulate(
      daysTable,
      { workspace_id: moved.workspaceId, day: dayOf(momentOf(moved, occurredAt)) },
      { [sum]: moved.amount, transactions: 1 },
      { organization_id: moved.organizationId },
    );

type DayRow = Readonly<Record<Sum, number>> & {
  day: string;
  opening: number;
  transactions: number;
  closing: number;
};

/** A row for each day from `from` to `to`, both included (YYYY-MM-DD, UTC), whether or not anything happened on it. */
export const dailyHistory = (
  read: Transaction,
  workspaceId: string,
  { from, to }: { from: string; to: string },
): Promise<DayRow[]> =>
  query(
    read,
    sql`with days as (
          select day, granted, spent, refunded, deducted, expired, received, sent, transactions,
            granted + refunded + received - spent - deducted - expired - sent as change
          from read_model.credit_daily where workspace_id = ${workspaceId} and day <= ${to}
        ), before as (
          select coalesce(sum(change), 0)::bigint as opening from days where day < ${from}
        ), listed as (
          select each::date as day, granted, spent, refunded, deducted, expired, received, sent, transactions, change,
            (before.opening + sum(coalesce(change, 0)) over (order by each))::bigint as closing
          from before, generate_series(${from}::date, ${to}::date, interval '1 day') as each
            left join days on days.day = each::date
        )
        select day::text, closing - coalesce(change, 0) as opening, coalesce(granted, 0) as granted,
          coalesce(spent, 0) as spent, coalesce(refunded, 0) as refunded, coalesce(deducted, 0) as deducted,
          coalesce(expired, 0) as expired, coalesce(received, 0) as received, coalesce(sent, 0) as sent,
          coalesce(transactions, 0) as transactions, closing
        from listed order by day`,
  );
