-- Up Migration

-- Nothing of a secret here: its hash stands in the key's events, which are what signing in asks.
set role everfold_owner;
create table read_model.api_keys (
  id uuid primary key,
  organization_id uuid not null,
  workspace_id uuid,
  name text not null,
  role text not null,
  scopes jsonb not null,
  vouched_by uuid not null,
  expires_at timestamptz,
  former_secret_until timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz
);
create index ak_organization_id on read_model.api_keys (organization_id, created_at, id) where revoked_at is null;
alter table read_model.api_keys enable row level security, force row level security;
create policy tenant on read_model.api_keys for select to everfold_api using (
  organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);
create policy projector on read_model.api_keys to everfold_projector using (true) with check (true);
reset role;

-- Down Migration

drop table read_model.api_keys;
