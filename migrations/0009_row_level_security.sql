-- Up Migration

-- The API sees rows through the transaction-local settings app.org, app.workspace and app.user, and without them none.
-- Each is read in a sub-select, which runs once a statement instead of once a row, and through nullif, because a
-- setting that a past transaction had is empty afterwards and not absent. The ids of what a user belongs to are an
-- array, which is made once as well and can be looked up in an index. Membership tables look at no other table: no
-- policy can come back to itself.
set role everfold_owner;

alter table read_model.users enable row level security, force row level security;
alter table read_model.organizations enable row level security, force row level security;
alter table read_model.organization_memberships enable row level security, force row level security;
alter table read_model.workspaces enable row level security, force row level security;
alter table read_model.workspace_memberships enable row level security, force row level security;
alter table read_model.refresh_tokens enable row level security, force row level security;
alter table read_model.api_credentials enable row level security, force row level security;
alter table read_model.billing enable row level security, force row level security;
alter table read_model.credit_transactions enable row level security, force row level security;
alter table read_model.credit_balances enable row level security, force row level security;
alter table read_model.credit_lots enable row level security, force row level security;
alter table read_model.credit_holds enable row level security, force row level security;
alter table read_model.credit_daily enable row level security, force row level security;
alter table read_model.credit_usage enable row level security, force row level security;
alter table read_model.credit_budgets enable row level security, force row level security;
alter table read_model.credit_budget_periods enable row level security, force row level security;
alter table read_model.credit_recharges enable row level security, force row level security;
alter table read_model.credit_alerts enable row level security, force row level security;

create policy tenant on read_model.organization_memberships for select to everfold_api using (
  organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
  or user_id = (select nullif(current_setting('app.user', true), '')::uuid)
);

create policy tenant on read_model.workspace_memberships for select to everfold_api using (
  (
    workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
    and organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
  )
  or user_id = (select nullif(current_setting('app.user', true), '')::uuid)
);

create policy tenant on read_model.organizations for select to everfold_api using (
  id = (select nullif(current_setting('app.org', true), '')::uuid)
  or id = any (array(
    select organization_id from read_model.organization_memberships
    where user_id = (select nullif(current_setting('app.user', true), '')::uuid)
  ))
);

create policy tenant on read_model.workspaces for select to everfold_api using (
  organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
  or id = any (array(
    select workspace_id from read_model.workspace_memberships
    where user_id = (select nullif(current_setting('app.user', true), '')::uuid)
  ))
);

create policy tenant on read_model.users for select to everfold_api using (
  id = (select nullif(current_setting('app.user', true), '')::uuid)
  or exists (
    select from read_model.organization_memberships
    where organization_id = (select nullif(current_setting('app.org', true), '')::uuid) and user_id = users.id
  )
  or exists (
    select from read_model.workspace_memberships
    where workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
      and organization_id = (select nullif(current_setting('app.org', true), '')::uuid) and user_id = users.id
  )
);

create policy tenant on read_model.refresh_tokens for select to everfold_api using (
  user_id = (select nullif(current_setting('app.user', true), '')::uuid)
);

create policy tenant on read_model.api_credentials for select to everfold_api using (
  workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
  and organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);

-- What a workspace has is also summed up for its organization, where no workspace is asked for.
create policy tenant on read_model.billing for select to everfold_api using (
  organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
  and (
    workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
    or (select nullif(current_setting('app.workspace', true), '')) is null
  )
);

create policy tenant on read_model.credit_transactions for select to everfold_api using (
  workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
  and organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);

create policy tenant on read_model.credit_balances for select to everfold_api using (
  workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
  and organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);

create policy tenant on read_model.credit_lots for select to everfold_api using (
  workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
  and organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);

create policy tenant on read_model.credit_holds for select to everfold_api using (
  workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
  and organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);

create policy tenant on read_model.credit_daily for select to everfold_api using (
  workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
  and organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);

create policy tenant on read_model.credit_usage for select to everfold_api using (
  workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
  and organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);

create policy tenant on read_model.credit_budgets for select to everfold_api using (
  workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
  and organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);

create policy tenant on read_model.credit_budget_periods for select to everfold_api using (
  workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
  and organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);

create policy tenant on read_model.credit_recharges for select to everfold_api using (
  workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
  and organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);

create policy tenant on read_model.credit_alerts for select to everfold_api using (
  workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
  and organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);

-- The projector writes for all tenants; which one an event belongs to was decided before it was stored.
create policy projector on read_model.users to everfold_projector using (true) with check (true);
create policy projector on read_model.organizations to everfold_projector using (true) with check (true);
create policy projector on read_model.organization_memberships to everfold_projector using (true) with check (true);
create policy projector on read_model.workspaces to everfold_projector using (true) with check (true);
create policy projector on read_model.workspace_memberships to everfold_projector using (true) with check (true);
create policy projector on read_model.refresh_tokens to everfold_projector using (true) with check (true);
create policy projector on read_model.api_credentials to everfold_projector using (true) with check (true);
create policy projector on read_model.billing to everfold_projector using (true) with check (true);
create policy projector on read_model.credit_transactions to everfold_projector using (true) with check (true);
create policy projector on read_model.credit_balances to everfold_projector using (true) with check (true);
create policy projector on read_model.credit_lots to everfold_projector using (true) with check (true);
create policy projector on read_model.credit_holds to everfold_projector using (true) with check (true);
create policy projector on read_model.credit_daily to everfold_projector using (true) with check (true);
create policy projector on read_model.credit_usage to everfold_projector using (true) with check (true);
create policy projector on read_model.credit_budgets to everfold_projector using (true) with check (true);
create policy projector on read_model.credit_budget_periods to everfold_projector using (true) with check (true);
create policy projector on read_model.credit_recharges to everfold_projector using (true) with check (true);
create policy projector on read_model.credit_alerts to everfold_projector using (true) with check (true);
reset role;

-- Down Migration

set role everfold_owner;
drop policy projector on read_model.credit_alerts;
drop policy projector on read_model.credit_recharges;
drop policy projector on read_model.credit_budget_periods;
drop policy projector on read_model.credit_budgets;
drop policy projector on read_model.credit_usage;
drop policy projector on read_model.credit_daily;
drop policy projector on read_model.credit_holds;
drop policy projector on read_model.credit_lots;
drop policy projector on read_model.credit_balances;
drop policy projector on read_model.credit_transactions;
drop policy projector on read_model.billing;
drop policy projector on read_model.api_credentials;
drop policy projector on read_model.refresh_tokens;
drop policy projector on read_model.workspace_memberships;
drop policy projector on read_model.workspaces;
drop policy projector on read_model.organization_memberships;
drop policy projector on read_model.organizations;
drop policy projector on read_model.users;
drop policy tenant on read_model.credit_alerts;
drop policy tenant on read_model.credit_recharges;
drop policy tenant on read_model.credit_budget_periods;
drop policy tenant on read_model.credit_budgets;
drop policy tenant on read_model.credit_usage;
drop policy tenant on read_model.credit_daily;
drop policy tenant on read_model.credit_holds;
drop policy tenant on read_model.credit_lots;
drop policy tenant on read_model.credit_balances;
drop policy tenant on read_model.credit_transactions;
drop policy tenant on read_model.billing;
drop policy tenant on read_model.api_credentials;
drop policy tenant on read_model.refresh_tokens;
drop policy tenant on read_model.users;
drop policy tenant on read_model.workspaces;
drop policy tenant on read_model.organizations;
drop policy tenant on read_model.workspace_memberships;
drop policy tenant on read_model.organization_memberships;

alter table read_model.users disable row level security, no force row level security;
alter table read_model.organizations disable row level security, no force row level security;
alter table read_model.organization_memberships disable row level security, no force row level security;
alter table read_model.workspaces disable row level security, no force row level security;
alter table read_model.workspace_memberships disable row level security, no force row level security;
alter table read_model.refresh_tokens disable row level security, no force row level security;
alter table read_model.api_credentials disable row level security, no force row level security;
alter table read_model.billing disable row level security, no force row level security;
alter table read_model.credit_transactions disable row level security, no force row level security;
alter table read_model.credit_balances disable row level security, no force row level security;
alter table read_model.credit_lots disable row level security, no force row level security;
alter table read_model.credit_holds disable row level security, no force row level security;
alter table read_model.credit_daily disable row level security, no force row level security;
alter table read_model.credit_usage disable row level security, no force row level security;
alter table read_model.credit_budgets disable row level security, no force row level security;
alter table read_model.credit_budget_periods disable row level security, no force row level security;
alter table read_model.credit_recharges disable row level security, no force row level security;
alter table read_model.credit_alerts disable row level security, no force row level security;
reset role;
