-- Up Migration

-- No ciphertext here: it stands encrypted in its event, under a key of the vault, and nowhere else.
set role everfold_owner;
create table read_model.api_credentials (
  id uuid primary key,
  organization_id uuid not null,
  workspace_id uuid not null,
  provider_name text not null,
  name text not null,
  masked_key text not null,
  created_by uuid not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  last_used_at timestamptz,
  deleted_at timestamptz
);
create index ac_workspace_id on read_model.api_credentials (workspace_id, created_at);
create index ac_provider on read_model.api_credentials (provider_name, workspace_id);
reset role;

-- Down Migration

drop table read_model.api_credentials;
