import { z } from "zod";
import { AddCredits, Billing, ConfigureAutoRecharge, DebitCredits, Transaction } from "../commands/credits.ts";
import { billing, billingOf, transactionsOf } from "../projections/billing.ts";
import type { App } from "./binder.ts";
import { exampleIds, exampleTime } from "./examples.ts";

/** The events of a ledger as they are stored, oldest first: what an auditor verifies the hash chain of. */
type LedgerExport = (workspaceId: string) => AsyncIterable<z.output<typeof StoredLedgerEvent>>;

const StoredLedgerEvent = z.object({
  revision: z.string(),
  position: z.string(),
  id: z.uuid(),
  type: z.string(),
  data: z.record(z.string(), z.unknown()),
  metadata: z.record(z.string(), z.unknown()),
});

const inWorkspace = { workspaceId: exampleIds.workspace };
const recharging = {
  ...inWorkspace,
  planType: "free",
  creditBalance: 990,
  creditLimit: 0,
  billingCycleStart: exampleTime,
  billingCycleEnd: "2026-12-20T12:00:00.000Z",
  autoRecharge: true,
  autoRechargeThreshold: 100,
  autoRechargeAmount: 500,
};
const debit = {
  id: exampleIds.transaction,
  type: "debit",
  amount: 10,
  balanceAfter: 990,
  description: "Enrich 10 companies",
  referenceId: "run-42",
  createdAt: exampleTime,
} as const;
const purchase = { ...debit, type: "purchase", amount: 1000, balanceAfter: 1000, referenceId: null } as const;

export const billingRoutes = (app: App, now: () => string, ledgerExport: LedgerExport): void => {
  app.query("/workspaces/:workspaceId/billing", {
    name: "GetBilling",
    permission: "billing:read",
    from: [billing],
    output: Billing,
    example: { params: inWorkspace, data: recharging },
    load: async (read, { params }) => (await billingOf(read, params.workspaceId, now())) ?? null,
  });
  app.command("POST", "/workspaces/:workspaceId/billing/credits", AddCredits, {
    status: 201,
    example: {
      params: inWorkspace,
      body: { amount: 1000, description: "Invoice 7" },
      data: { transaction: { ...purchase, description: "Invoice 7" }, balance: 1000 },
    },
  });
  app.command("POST", "/workspaces/:workspaceId/billing/debits", DebitCredits, {
    status: 201,
    example: {
      params: inWorkspace,
      body: { amount: 10, description: debit.description, referenceId: debit.referenceId },
      data: { transaction: debit, balance: 990 },
    },
  });
  app.command("PUT", "/workspaces/:workspaceId/billing/auto-recharge", ConfigureAutoRecharge, {
    example: { params: inWorkspace, body: { enabled: true, threshold: 100, amount: 500 }, data: recharging },
  });
  app.list("/workspaces/:workspaceId/billing/transactions", {
    name: "ListTransactions",
    permission: "billing:read",
    from: [billing],
    output: Transaction,
    example: { params: inWorkspace, data: debit },
    load: (read, { params, query }) => transactionsOf(read, params.workspaceId, query),
  });
  app.stream("/workspaces/:workspaceId/billing/events", {
    name: "ExportLedgerEvents",
    permission: "ledger:read",
    output: StoredLedgerEvent,
    example: {
      params: inWorkspace,
      data: {
        revision: "2",
        position: "1041",
        id: exampleIds.transaction,
        type: "CreditsDebited",
        data: { ...inWorkspace, organizationId: exampleIds.organization, amount: 10, description: debit.description },
        metadata: {
          occurredAt: exampleTime,
          chain: "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
        },
      },
    },
    lines: ({ params }) => ledgerExport(params.workspaceId),
  });
};
