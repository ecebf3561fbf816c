-- Up Migration

set role everfold_owner;
create table read_model.ledger_seals (
  workspace_id uuid not null,
  revision bigint not null,
  organization_id uuid not null,
  chain text not null,
  key_id text not null,
  signature text not null,
  sealed_at timestamptz not null,
  position bigint not null,
  primary key (workspace_id, revision)
);
alter table read_model.ledger_seals enable row level security, force row level security;
create policy tenant on read_model.ledger_seals for select to everfold_api using (
  workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
  and organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);
create policy projector on read_model.ledger_seals to everfold_projector using (true) with check (true);

-- One key pair for the life of the installation: what it sealed must be verifiable with what auditors were given once.
create table vault.seal_key (
  is_only boolean primary key default true,
  kid text not null,
  public_jwk jsonb not null,
  wrapped_private bytea not null,
  created_at timestamptz not null default now(),
  constraint seal_key_only check (is_only)
);
grant select, insert on vault.seal_key to everfold_api;
reset role;

-- Down Migration

do $$
begin
  if exists (select from vault.seal_key) then
    raise exception 'the vault holds keys: without the one it seals with, no ledger is ever sealed under it again'
      using hint = 'If that is what you want, delete the row of vault.seal_key first.';
  end if;
end
$$;
drop table vault.seal_key;
drop table read_model.ledger_seals;
