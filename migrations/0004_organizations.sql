-- Up Migration

set role everfold_owner;
create table read_model.organizations (
  id uuid primary key,
  name text not null,
  slug text not null,
  is_personal boolean not null,
  created_by uuid not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create unique index organizations_slug on read_model.organizations (slug);

create table read_model.organization_memberships (
  organization_id uuid not null,
  user_id uuid not null,
  role text not null,
  joined_at timestamptz not null,
  primary key (organization_id, user_id)
);
create index om_user_id on read_model.organization_memberships (user_id);
reset role;

-- Down Migration

drop table read_model.organization_memberships;
drop table read_model.organizations;
