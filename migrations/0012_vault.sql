-- Up Migration

set role everfold_owner;
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
grant select, insert, update on vault.subject_keys, vault.signing_keys to everfold_api, everfold_projector;
reset role;

-- Down Migration

drop table vault.signing_keys;
drop table vault.subject_keys;
