-- Up Migration

set role everfold_owner;
-- One row, written with the first key: a process that was started with another master key is found out by it before it
-- reads or writes anything.
create table vault.master_key_check (
  is_only boolean primary key default true,
  keyed_hash text not null,
  created_at timestamptz not null default now(),
  constraint master_key_check_only check (is_only)
);

create table vault.subject_keys (
  subject_id uuid primary key,
  kind text not null,
  wrapped_key bytea,
  key_version integer not null,
  created_at timestamptz not null default now(),
  destroyed_at timestamptz,
  constraint subject_keys_destroyed check ((wrapped_key is null) = (destroyed_at is not null))
);

create table vault.signing_keys (
  kid text primary key,
  public_jwk jsonb not null,
  wrapped_private bytea not null,
  created_at timestamptz not null default now(),
  retired_at timestamptz
);

-- Nobody may delete: a destroyed key leaves its row behind, so that it is never made again under the same subject.
grant select, insert, update on vault.subject_keys to everfold_api, everfold_projector;
-- Tokens are the API's business alone.
grant select, insert, update on vault.signing_keys to everfold_api;
grant select, insert on vault.master_key_check to everfold_api;
reset role;

-- Down Migration

do $$
begin
  if exists (select from vault.subject_keys) or exists (select from vault.signing_keys) then
    raise exception 'the vault holds keys: without them nothing personal and no secret can be read again'
      using hint = 'If that is what you want, delete the rows of vault.subject_keys and vault.signing_keys first.';
  end if;
end
$$;
drop table vault.signing_keys;
drop table vault.subject_keys;
drop table vault.master_key_check;
