-- Up Migration

set role everfold_owner;
create table read_model.refresh_tokens (
  id uuid primary key,
  user_id uuid not null,
  session_id uuid not null,
  session_epoch integer not null,
  token_hash text not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  created_at timestamptz not null
);
create unique index rt_token_hash on read_model.refresh_tokens (token_hash);
create index rt_user_id on read_model.refresh_tokens (user_id);
reset role;

-- Down Migration

drop table read_model.refresh_tokens;
