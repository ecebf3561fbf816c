-- Up Migration

set role everfold_owner;
-- Sums of a ledger stand in its events, so each row here follows from events alone, however late it is made.
create table read_model.billing (
  workspace_id uuid primary key,
  organization_id uuid not null,
  plan_type text not null,
  credit_balance bigint not null,
  held bigint not null default 0 constraint billing_held_not_negative check (held >= 0),
  available bigint not null default 0 constraint billing_available_not_negative check (available >= 0),
  credit_limit bigint not null,
  billing_cycle_start timestamptz not null,
  billing_cycle_end timestamptz not null,
  has_dated_lots boolean not null default false,
  auto_recharge boolean not null default false,
  auto_recharge_threshold bigint not null default 0,
  auto_recharge_amount bigint not null default 0,
  recharge_target bigint,
  recharge_cool_off_seconds integer not null default 0,
  recharge_period_cap bigint not null default 0,
  recharge_period_start timestamptz,
  recharge_pending_id uuid,
  recharge_pending_amount bigint,
  recharge_requested_at timestamptz,
  recharge_retry_at timestamptz,
  recharge_failures bigint not null default 0,
  recharge_suspended boolean not null default false,
  recharge_cap_told boolean not null default false,
  alert_threshold bigint,
  alert_rearm_at bigint not null default 0,
  alert_is_low boolean not null default false,
  transaction_count bigint not null default 0,
  alert_count bigint not null default 0,
  holds_captured bigint not null default 0,
  holds_released bigint not null default 0,
  holds_expired bigint not null default 0,
  revision bigint not null default 0,
  constraint billing_credit_balance_within_limit check (credit_balance >= -credit_limit)
) with (fillfactor = 50);
-- Ledgers whose recharge may be due. Without what every debit changes, so that rows can be updated in their page.
create index billing_recharging on read_model.billing (recharge_requested_at)
  where auto_recharge and recharge_pending_id is null;

-- Newest first is the order of the key: a ledger's order is that of its stream, while instants may repeat.
create table read_model.credit_transactions (
  workspace_id uuid not null,
  revision bigint not null,
  id uuid not null,
  organization_id uuid not null,
  transaction_type text not null constraint credit_transactions_type check (transaction_type in (
    'purchase', 'grant', 'debit', 'recharge', 'refund', 'adjustment', 'expiry',
    'transfer_out', 'transfer_in', 'transfer_return'
  )),
  change bigint not null,
  balance_after bigint not null,
  held_after bigint not null,
  available_after bigint not null,
  description text not null,
  reference_id text,
  category text,
  hold_id uuid,
  debit_id uuid,
  debit_revision bigint,
  transfer_id uuid,
  other_workspace_id uuid,
  actor_kind text not null,
  actor_id text,
  created_at timestamptz not null,
  recorded_at timestamptz not null,
  primary key (workspace_id, revision)
);
create index ct_workspace_created on read_model.credit_transactions (workspace_id, created_at desc);
-- What was given back of a debit; nothing but refunds is in it.
create index ct_refunds on read_model.credit_transactions (workspace_id, debit_revision) where debit_id is not null;

create table read_model.credit_balances (
  workspace_id uuid not null,
  revision bigint not null,
  organization_id uuid not null,
  posted bigint not null,
  held bigint not null,
  available bigint not null,
  created_at timestamptz not null,
  recorded_at timestamptz not null,
  primary key (workspace_id, revision)
);
create index credit_balances_created on read_model.credit_balances (workspace_id, created_at desc);

create table read_model.credit_lots (
  workspace_id uuid not null,
  lot bigint not null,
  organization_id uuid not null,
  kind text not null,
  priority integer not null,
  status text not null constraint credit_lots_status check (status in ('waiting', 'active', 'expired')),
  granted bigint not null,
  remaining bigint not null constraint credit_lots_remaining_not_negative check (remaining >= 0),
  held bigint not null constraint credit_lots_held_not_negative check (held >= 0),
  expired bigint not null,
  description text not null,
  effective_at timestamptz,
  expires_at timestamptz,
  granted_at timestamptz not null,
  -- When time alone changes it next.
  due_at timestamptz generated always as (case status when 'waiting' then effective_at else expires_at end) stored,
  -- In place of what every debit changes in what the indexes look at, so that rows can be updated in their page.
  is_empty boolean generated always as (remaining = 0 and held = 0) stored,
  primary key (workspace_id, lot)
) with (fillfactor = 50);
create index credit_lots_current on read_model.credit_lots (workspace_id, lot) where not is_empty;
create index credit_lots_due on read_model.credit_lots (due_at) where not is_empty and due_at is not null;

create table read_model.credit_holds (
  workspace_id uuid not null,
  hold_id uuid not null,
  organization_id uuid not null,
  revision bigint not null,
  status text not null constraint credit_holds_status check (status in ('open', 'captured', 'released', 'expired')),
  amount bigint not null,
  captured bigint not null constraint credit_holds_captured_within_amount check (captured between 0 and amount),
  parts jsonb not null,
  charges jsonb not null,
  description text not null,
  reference_id text,
  category text,
  actor_kind text not null,
  actor_id text,
  placed_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  primary key (workspace_id, hold_id)
);
create index credit_holds_newest on read_model.credit_holds (workspace_id, status, revision desc);
create index credit_holds_open on read_model.credit_holds (workspace_id, expires_at) where status = 'open';

create table read_model.credit_daily (
  workspace_id uuid not null,
  day date not null,
  organization_id uuid not null,
  granted bigint not null,
  spent bigint not null,
  refunded bigint not null,
  deducted bigint not null,
  expired bigint not null,
  received bigint not null,
  sent bigint not null,
  transactions bigint not null,
  primary key (workspace_id, day)
) with (fillfactor = 50);

create table read_model.credit_usage (
  workspace_id uuid not null,
  day date not null,
  category text not null,
  member_kind text not null,
  member_id text not null,
  organization_id uuid not null,
  debits bigint not null,
  spent bigint not null,
  primary key (workspace_id, day, category, member_kind, member_id)
) with (fillfactor = 50);

create table read_model.credit_budgets (
  workspace_id uuid not null,
  budget_id uuid not null,
  organization_id uuid not null,
  scope text not null,
  scope_id text,
  credit_limit bigint not null,
  period text not null constraint credit_budgets_period check (period in ('day', 'week', 'month')),
  alerts_at jsonb not null,
  set_at timestamptz not null,
  primary key (workspace_id, budget_id)
);

create table read_model.credit_budget_periods (
  workspace_id uuid not null,
  budget_id uuid not null,
  period_start timestamptz not null,
  organization_id uuid not null,
  spent bigint not null,
  primary key (workspace_id, budget_id, period_start)
) with (fillfactor = 50);

create table read_model.credit_recharges (
  workspace_id uuid not null,
  recharge_id uuid not null,
  organization_id uuid not null,
  period_start timestamptz not null,
  amount bigint not null,
  status text not null constraint credit_recharges_status check (status in ('pending', 'charged', 'declined')),
  reason text,
  requested_at timestamptz not null,
  ended_at timestamptz,
  primary key (workspace_id, recharge_id)
);
create index credit_recharges_period on read_model.credit_recharges (workspace_id, period_start);

create table read_model.credit_alerts (
  workspace_id uuid not null,
  revision bigint not null,
  id uuid not null,
  organization_id uuid not null,
  kind text not null,
  threshold bigint,
  credits bigint,
  credit_limit bigint,
  budget_id uuid,
  recharge_id uuid,
  reason text,
  created_at timestamptz not null,
  primary key (workspace_id, revision)
);
reset role;

-- Down Migration

drop table read_model.credit_alerts;
drop table read_model.credit_recharges;
drop table read_model.credit_budget_periods;
drop table read_model.credit_budgets;
drop table read_model.credit_usage;
drop table read_model.credit_daily;
drop table read_model.credit_holds;
drop table read_model.credit_lots;
drop table read_model.credit_balances;
drop table read_model.credit_transactions;
drop table read_model.billing;
