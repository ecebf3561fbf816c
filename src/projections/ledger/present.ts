import type { Balance } from "../../domain/credits/amounts.ts";
import type { Charge } from "../../domain/credits/budget.ts";
import { balanceOf, type Coming, type Hold, type OpenCreditLedger } from "../../domain/credits/creditLedger.ts";
import { letTimePass } from "../../domain/credits/due.ts";
import { beyond, overdrawn, type Part, totalOf, withParts } from "../../domain/credits/lots.ts";
import type { PlanType } from "../../domain/credits/plans.ts";
import { noRecharge } from "../../domain/credits/recharge.ts";
import { unfold } from "../../domain/credits/unfolding.ts";
import { query, type Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

/**
 * A ledger as it is at `now`, whether or not what became due by then has been written: what the write side would do
 * is done to what the rows say. Its budgets, recharges and alerts are not looked at.
 */
export const ledgerAt = async (
  read: Transaction,
  workspaceId: string,
  now: string,
): Promise<OpenCreditLedger | undefined> => {
  const ledger = await writtenLedger(read, workspaceId);
  return ledger && letTimePass(unfold(ledger), now).ledger;
};

export const balanceNow = async (read: Transaction, workspaceId: string, now: string): Promise<Balance | undefined> => {
  const ledger = await ledgerAt(read, workspaceId, now);
  return ledger && balanceOf(ledger);
};

type AccountRow = {
  organizationId: string;
  planType: PlanType;
  openedAt: string;
  creditLimit: number;
  posted: number;
  held: number;
};

/** What is not looked at is as in a ledger that has just been opened. */
const writtenLedger = async (read: Transaction, workspaceId: string): Promise<OpenCreditLedger | undefined> => {
  const [account] = await query<AccountRow>(
    read,
    sql`select organization_id as "organizationId", plan_type as "planType", billing_cycle_start as "openedAt",
          credit_limit as "creditLimit", credit_balance as posted, held
        from read_model.billing where workspace_id = ${workspaceId}`,
  );
  if (!account) return undefined;
  const { posted, held, ...terms } = account;
  const rows = await lotRows(read, workspaceId);
  const lots = withParts([], rows.filter(({ status }) => status !== "waiting").map(partOf));
  const coming = rows.flatMap((row) => (row.status === "waiting" ? [comingOf(row)] : []));
  const holds = await openHolds(read, workspaceId);
  const free = totalOf(lots);
  const heldOverdraft = holds.reduce((sum, { parts }) => sum + overdrawn(parts), 0);
  return {
    status: "open",
    isClosed: false,
    workspaceId,
    ...terms,
    lots,
    coming,
    holds,
    free,
    held,
    heldOverdraft,
    debt: free + held - heldOverdraft - posted,
    lotCount: 0,
    refunds: [],
    refundsClosedUntil: "",
    transfers: [],
    budgets: [],
    recharge: noRecharge,
    alert: { threshold: null, rearmAt: 0, isLow: false },
    // Early is right: then everything is looked at.
    dueAt: "",
  };
};

type LotRow = Part & { status: string; effectiveAt: string | null; description: string };

const lotRows = (read: Transaction, workspaceId: string): Promise<LotRow[]> =>
  query(
    read,
    sql`select lot, remaining as amount, kind, priority, status, expires_at as "expiresAt",
          effective_at as "effectiveAt", description
        from read_model.credit_lots
        where workspace_id = ${workspaceId} and not is_empty and remaining > 0 order by lot`,
  );

const partOf = ({ lot, amount, kind, priority, expiresAt }: LotRow): Part => ({
  lot,
  amount,
  kind,
  priority,
  expiresAt,
});

const comingOf = (row: LotRow): Coming => ({
  ...partOf(row),
  effectiveAt: row.effectiveAt ?? "",
  description: row.description,
  // Nothing that is told of the present names it.
  referenceId: null,
});

type HoldRow = {
  holdId: string;
  remaining: number;
  captured: number;
  parts: Part[];
  charges: Charge[];
  expiresAt: string;
};

/** Captures took the first of its parts. */
const openHolds = async (read: Transaction, workspaceId: string): Promise<Hold[]> => {
  const rows = await query<HoldRow & Pick<Hold, "description" | "referenceId" | "category">>(
    read,
    sql`select hold_id as "holdId", amount - captured as remaining, captured, parts, charges, expires_at as "expiresAt",
          description, reference_id as "referenceId", category
        from read_model.credit_holds where workspace_id = ${workspaceId} and status = 'open' order by revision`,
  );
  return rows.map(({ remaining, captured, parts, ...hold }) => ({
    ...hold,
    amount: remaining,
    parts: beyond(parts, captured),
  }));
};
