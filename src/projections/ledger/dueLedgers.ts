import { type Pool, query } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

/**
 * Ledgers that time alone has something to do to: a lot or a hold is due, or a recharge may be asked for again because
 * its cool-off, its back-off or the billing cycle whose cap it had reached is over. By their ids, those behind `after`.
 * For whoever sees all tenants.
 */
export const dueLedgers = async (
  pool: Pool,
  now: string,
  limit: number,
  after: string | null = null,
): Promise<string[]> => {
  const rows = await query<{ workspaceId: string }>(
    pool,
    sql`select workspace_id as "workspaceId" from (
          select workspace_id from read_model.credit_lots
          where not is_empty and remaining > 0 and due_at <= ${now}
          union
          select workspace_id from read_model.credit_holds where status = 'open' and expires_at <= ${now}
          union
          select workspace_id from read_model.billing
          where auto_recharge and recharge_pending_id is null and available - credit_limit < auto_recharge_threshold
            and coalesce(
              recharge_retry_at, recharge_requested_at + make_interval(secs => recharge_cool_off_seconds), '-infinity'
            ) <= ${now}
            and (not recharge_cap_told or billing_cycle_start + make_interval(months => 1 +
              12 * (extract(year from recharge_period_start) - extract(year from billing_cycle_start))::int +
              (extract(month from recharge_period_start) - extract(month from billing_cycle_start))::int
            ) <= ${now})
        ) as due where ${after}::uuid is null or workspace_id > ${after}::uuid
        order by workspace_id limit ${limit}`,
  );
  return rows.map(({ workspaceId }) => workspaceId);
};
