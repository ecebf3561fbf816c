import { query, type Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { Page, Paged } from "../page.ts";
import { accumulate, type Effect, table } from "../projection.ts";
import type { InLedger } from "./account.ts";
import { dayOf } from "./days.ts";

/** What was spent on what, by whom and when (days in UTC). Keys have no null: empty text is for nothing and nobody. */
export const usageTable = table(
  "credit_usage",
  {
    workspace_id: "uuid",
    day: "date",
    category: "text",
    member_kind: "text",
    member_id: "text",
    organization_id: "uuid",
    debits: "bigint",
    spent: "bigint",
  },
  ["workspace_id", "day", "category", "member_kind", "member_id"],
);

export const usedFor: Effect<InLedger & { amount: number; category: string | null }> = (
  { workspaceId, organizationId, amount, category },
  { metadata: { actor, occurredAt } },
) =>
  accumulate(
    usageTable,
    {
      workspace_id: workspaceId,
      day: dayOf(occurredAt),
      category: category ?? "",
      member_kind: actor.kind,
      member_id: actor.id ?? "",
    },
    { debits: 1, spent: amount },
    { organization_id: organizationId },
  );

type UsageGroup = "category" | "member" | "day";

/** Of `day`, `category` and `member` what was not asked to be told apart is null, as is what was not said. */
type UsageRow = {
  day: string | null;
  category: string | null;
  member: { kind: string; id: string | null } | null;
  debits: number;
  spent: number;
  /** Given back in these days, of whatever was spent when; it belongs to whom and what the debit did. */
  refunded: number;
};

/** Beyond the last row there is one of nulls, which says how many there are. */
type Stored = Omit<UsageRow, "member" | "debits"> & {
  debits: number | null;
  memberKind: string | null;
  memberId: string | null;
  total: number;
};

/** Days from `from` to `to`, both included (YYYY-MM-DD, UTC). By day: the newest first; otherwise who spent most. */
export const usageOf = async (
  read: Transaction,
  workspaceId: string,
  { groupBy, from, to, limit, offset }: Page & { groupBy: UsageGroup; from: string; to: string },
): Promise<Paged<UsageRow>> => {
  const rows = await query<Stored>(
    read,
    sql`with used as (
          select day, category, member_kind, member_id, debits, spent, 0::bigint as refunded
          from read_model.credit_usage where workspace_id = ${workspaceId} and day between ${from} and ${to}
          union all
          select (r.created_at at time zone 'UTC')::date, coalesce(d.category, ''), d.actor_kind,
            coalesce(d.actor_id, ''), 0, 0, r.change
          from read_model.credit_transactions r
            join read_model.credit_transactions d
              on d.workspace_id = r.workspace_id and d.revision = r.debit_revision and d.id = r.debit_id
          where r.workspace_id = ${workspaceId} and r.debit_id is not null
            and r.created_at >= ${from}::date::timestamptz and r.created_at < (${to}::date + 1)::timestamptz
        ), grouped as (
          select case when ${groupBy} = 'day' then day::text end as day,
            case when ${groupBy} = 'category' then nullif(category, '') end as category,
            case when ${groupBy} = 'member' then member_kind end as "memberKind",
            case when ${groupBy} = 'member' then nullif(member_id, '') end as "memberId",
            sum(debits)::bigint as debits, sum(spent)::bigint as spent, sum(refunded)::bigint as refunded
          from used group by 1, 2, 3, 4
        )
        select listed.*, counted.total
        from (select count(*) as total from grouped) as counted
          left join lateral (
            select * from grouped order by 1 desc, spent desc, 2, 3, 4 limit ${limit} offset ${offset}
          ) as listed on true`,
  );
  return {
    rows: rows.flatMap(({ debits, memberKind, memberId, total: _, ...row }) =>
      debits === null
        ? []
        : [{ ...row, debits, member: memberKind === null ? null : { kind: memberKind, id: memberId } }],
    ),
    total: rows[0]?.total ?? (offset === 0 ? 0 : await groupsIn(read, workspaceId, { groupBy, from, to })),
  };
};

/** Behind the last page there is no row to say it. */
const groupsIn = async (
  read: Transaction,
  workspaceId: string,
  asked: { groupBy: UsageGroup; from: string; to: string },
): Promise<number> => (await usageOf(read, workspaceId, { ...asked, limit: 1, offset: 0 })).total;
