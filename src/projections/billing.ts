import { billingCycle } from "../domain/credits/billingCycle.ts";
import { creditLedger, type TransactionType } from "../domain/credits/creditLedger.ts";
import { query, type Transaction } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";
import { type Page, type Paged, paged } from "./page.ts";
import { add, insert, type Occurrence, projection, set, table } from "./projection.ts";

const billingTable = table(
  "billing",
  {
    workspace_id: "uuid",
    organization_id: "uuid",
    plan_type: "text",
    credit_balance: "bigint",
    credit_limit: "bigint",
    billing_cycle_start: "timestamptz",
    billing_cycle_end: "timestamptz",
    auto_recharge: "boolean",
    auto_recharge_threshold: "bigint",
    auto_recharge_amount: "bigint",
    transaction_count: "bigint",
    revision: "bigint",
  },
  ["workspace_id"],
);
const transactionsTable = table(
  "credit_transactions",
  {
    id: "uuid",
    organization_id: "uuid",
    workspace_id: "uuid",
    amount: "bigint",
    transaction_type: "text",
    description: "text",
    reference_id: "text null",
    position: "bigint",
    created_at: "timestamptz",
  },
  ["id"],
);

type Written = {
  workspaceId: string;
  organizationId: string;
  amount: number;
  description: string;
  referenceId?: string | null;
};

/** A line of the ledger and its effect on the balance: `sign` says which way it goes. */
const transaction = (type: TransactionType, sign: 1 | -1) => (written: Written, occurrence: Occurrence) => [
  set(billingTable, { workspace_id: written.workspaceId }, { revision: occurrence.revision }),
  add(
    billingTable,
    { workspace_id: written.workspaceId },
    { credit_balance: sign * written.amount, transaction_count: 1 },
  ),
  insert(transactionsTable, {
    id: occurrence.id,
    organization_id: written.organizationId,
    workspace_id: written.workspaceId,
    amount: written.amount,
    transaction_type: type,
    description: written.description,
    reference_id: written.referenceId ?? null,
    position: occurrence.position,
    created_at: occurrence.metadata.occurredAt,
  }),
];

export const billing = projection({
  name: "billing",
  version: 1,
  tables: [billingTable, transactionsTable],
  of: [creditLedger],
  when: {
    LedgerOpened: ({ workspaceId, organizationId, planType, creditLimit, openedAt }, { revision }) => {
      const { start, end } = billingCycle(openedAt, openedAt);
      return insert(billingTable, {
        workspace_id: workspaceId,
        organization_id: organizationId,
        plan_type: planType,
        credit_balance: 0,
        credit_limit: creditLimit,
        billing_cycle_start: start,
        billing_cycle_end: end,
        auto_recharge: false,
        auto_recharge_threshold: 0,
        auto_recharge_amount: 0,
        transaction_count: 0,
        revision,
      });
    },
    CreditsPurchased: transaction("purchase", 1),
    CreditsDebited: transaction("debit", -1),
    CreditsRecharged: transaction("recharge", 1),
    AutoRechargeConfigured: ({ workspaceId, isEnabled, threshold, amount }, { revision }) =>
      set(
        billingTable,
        { workspace_id: workspaceId },
        { auto_recharge: isEnabled, auto_recharge_threshold: threshold, auto_recharge_amount: amount, revision },
      ),
  },
});

type BillingRow = {
  workspaceId: string;
  planType: string;
  creditBalance: number;
  creditLimit: number;
  billingCycleStart: string;
  billingCycleEnd: string;
  autoRecharge: boolean;
  autoRechargeThreshold: number;
  autoRechargeAmount: number;
  /** Of the ledger's stream. */
  revision: number;
};

/** The cycle stored is the first one; the one around `now` follows from it. */
export const billingOf = async (
  read: Transaction,
  workspaceId: string,
  now: string,
): Promise<BillingRow | undefined> => {
  const [row] = await query<BillingRow>(
    read,
    sql`select workspace_id as "workspaceId", plan_type as "planType", credit_balance as "creditBalance",
          credit_limit as "creditLimit", billing_cycle_start as "billingCycleStart",
          billing_cycle_end as "billingCycleEnd", auto_recharge as "autoRecharge",
          auto_recharge_threshold as "autoRechargeThreshold", auto_recharge_amount as "autoRechargeAmount",
          revision
        from read_model.billing where workspace_id = ${workspaceId}`,
  );
  if (!row) return undefined;
  const { start, end } = billingCycle(row.billingCycleStart, now);
  return { ...row, billingCycleStart: start, billingCycleEnd: end };
};

type TransactionRow = {
  id: string;
  type: TransactionType;
  amount: number;
  balanceAfter: number;
  description: string;
  referenceId: string | null;
  createdAt: string;
};

/**
 * BILL-05: newest first, which is the order of the ledger and not of clocks. The balance after a line is today's less
 * what the newer lines moved, so it is added up from the page and those before it, and stored nowhere.
 */
export const transactionsOf = async (
  read: Transaction,
  workspaceId: string,
  page: Page,
): Promise<Paged<TransactionRow>> => {
  const [counted] = await query<{ total: number }>(
    read,
    sql`select transaction_count as total from read_model.billing where workspace_id = ${workspaceId}`,
  );
  return paged(page, counted?.total ?? 0, () => transactionRows(read, workspaceId, page));
};

const transactionRows = (read: Transaction, workspaceId: string, { limit, offset }: Page): Promise<TransactionRow[]> =>
  query(
    read,
    sql`select t.id, t.transaction_type as type, t.amount, t.description, t.reference_id as "referenceId",
          t.created_at as "createdAt",
          (b.credit_balance - coalesce(
            sum(case when t.transaction_type = 'debit' then -t.amount else t.amount end)
              over (order by t.position desc rows between unbounded preceding and 1 preceding),
            0
          ))::bigint as "balanceAfter"
        from read_model.credit_transactions t join read_model.billing b on b.workspace_id = t.workspace_id
        where t.workspace_id = ${workspaceId}
        order by t.position desc limit ${limit} offset ${offset}`,
  );
