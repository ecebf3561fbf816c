-- Up Migration

set role everfold_owner;
create table read_model.workspaces (
  id uuid primary key,
  organization_id uuid not null,
  name text not null,
  slug text not null,
  status text not null
    constraint workspaces_status check (status in ('ACTIVE', 'INACTIVE', 'ARCHIVED', 'DELETED')),
  description text,
  time_zone text,
  language text,
  owner_id uuid not null,
  plan_type text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  revision bigint not null
);
-- A deleted workspace gives its slug back.
create unique index workspaces_slug on read_model.workspaces (slug) where deleted_at is null;
create index workspaces_owner_id on read_model.workspaces (owner_id);
create index workspaces_organization_id on read_model.workspaces (organization_id, created_at);

create table read_model.workspace_memberships (
  organization_id uuid not null,
  workspace_id uuid not null,
  user_id uuid not null,
  role text not null,
  invited_at timestamptz not null,
  accepted_at timestamptz,
  primary key (workspace_id, user_id)
);
create index wm_user_id on read_model.workspace_memberships (user_id);
create index wm_workspace_id on read_model.workspace_memberships (workspace_id, invited_at);
reset role;

-- Down Migration

drop table read_model.workspace_memberships;
drop table read_model.workspaces;
