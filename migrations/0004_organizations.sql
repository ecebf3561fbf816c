-- Up Migration

set role everfold_owner;
create table read_model.organizations (
  id uuid primary key,
  name text not null,
  slug text not null,
  status text not null constraint organizations_status check (status in ('ACTIVE', 'INACTIVE', 'DELETED')),
  is_personal boolean not null,
  plan text not null,
  max_users bigint not null,
  max_workspaces bigint not null,
  max_members_per_workspace bigint not null,
  max_pipelines bigint not null,
  max_executions_per_month bigint not null,
  industry text,
  cloud_provider text,
  project_management_tool text,
  -- A JSON array of words.
  compliance_frameworks jsonb not null,
  created_by uuid not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  revision bigint not null
);
-- A deleted organization gives its slug back.
create unique index organizations_slug on read_model.organizations (slug) where deleted_at is null;

create table read_model.organization_memberships (
  organization_id uuid not null,
  user_id uuid not null,
  role text not null,
  status text not null constraint organization_memberships_status check (status in ('active', 'deactivated')),
  invited_at timestamptz not null,
  accepted_at timestamptz not null,
  primary key (organization_id, user_id)
);
create index om_user_id on read_model.organization_memberships (user_id);
create index om_organization_id on read_model.organization_memberships (organization_id, accepted_at, user_id);
reset role;

-- Down Migration

drop table read_model.organization_memberships;
drop table read_model.organizations;
