import { billing } from "../../src/projections/billing.ts";

/** By hand: a table that somebody adds is to be named here, and so thought of. */
export const readModels = [
  "api_credentials",
  "api_keys",
  "audit_log",
  "billing",
  "credit_alerts",
  "credit_balances",
  "credit_budget_periods",
  "credit_budgets",
  "credit_daily",
  "credit_holds",
  "credit_lots",
  "credit_recharges",
  "credit_transactions",
  "credit_usage",
  "cross_tenant_denials",
  "invitations",
  "jobs",
  "ledger_seals",
  "organization_memberships",
  "organizations",
  "planning_items",
  "refresh_tokens",
  "repositories",
  "users",
  "workspace_memberships",
  "workspaces",
];

export const ledgerReadModels = [...billing.tables.map(({ name }) => name), "ledger_seals"];
