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

-- Every key pair that ever sealed; the last one does. None is taken away: what it sealed must stay verifiable.
create table vault.seal_keys (
  number integer primary key constraint seal_keys_number check (number > 0),
  kid text not null unique,
  public_jwk jsonb not null,
  wrapped_private bytea not null,
  created_at timestamptz not null default now()
);
grant select, insert on vault.seal_keys to everfold_api;
reset role;

-- Down Migration

do $$
begin
  if exists (select from vault.seal_keys) then
    raise exception 'the vault holds keys: without those it seals with, no ledger is ever sealed under them again'
      using hint = 'If that is what you want, delete the rows of vault.seal_keys first.';
  end if;
end
$$;
drop table vault.seal_keys;
drop table read_model.ledger_seals;
