-- Up Migration

set role everfold_owner;
create table read_model.billing (
  workspace_id uuid primary key,
  organization_id uuid not null,
  plan_type text not null,
  credit_balance bigint not null constraint billing_credit_balance_not_negative check (credit_balance >= 0),
  credit_limit bigint not null,
  billing_cycle_start timestamptz not null,
  billing_cycle_end timestamptz not null,
  auto_recharge boolean not null default false,
  auto_recharge_threshold bigint not null default 0,
  auto_recharge_amount bigint not null default 0,
  transaction_count bigint not null default 0,
  revision bigint not null default 0
);

create table read_model.credit_transactions (
  id uuid primary key,
  organization_id uuid not null,
  workspace_id uuid not null,
  amount bigint not null,
  transaction_type text not null constraint credit_transactions_type
    check (transaction_type in ('purchase', 'debit', 'recharge', 'refund', 'adjustment')),
  description text not null,
  reference_id text,
  position bigint not null,
  created_at timestamptz not null
);
create index ct_workspace_created on read_model.credit_transactions (workspace_id, created_at desc);
-- The order of a ledger: every event has a commit position of its own, while instants may repeat.
create unique index ct_workspace_position on read_model.credit_transactions (workspace_id, position desc);
reset role;

-- Down Migration

drop table read_model.credit_transactions;
drop table read_model.billing;
