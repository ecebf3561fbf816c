-- Up Migration

-- No table of read_model has a foreign key: each projection is emptied and filled again alone, and within one
-- projection the order of events is what keeps rows together.
set role everfold_owner;
create table read_model.users (
  id uuid primary key,
  email text not null,
  name text not null,
  avatar_url text,
  session_epoch integer not null,
  platform_role text not null constraint users_platform_role check (platform_role in ('user', 'system_admin')),
  created_at timestamptz not null,
  updated_at timestamptz not null
);
-- Not unique: a claim stream decides who has an address, and erased users all have the same erased one.
create index users_email on read_model.users (email);
reset role;

-- Down Migration

drop table read_model.users;
