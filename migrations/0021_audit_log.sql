-- Up Migration

set role everfold_owner;
-- Records of the system have the nil UUID as their organization.
create table read_model.audit_log (
  id uuid primary key,
  organization_id uuid not null,
  workspace_id uuid,
  actor_kind text not null,
  actor_id text,
  session_id uuid,
  request_id text not null,
  action text not null,
  resource_type text not null,
  resource_id uuid not null,
  -- Which part of the resource is concerned: values of the same part before are looked up by it.
  part text not null,
  event_type text not null,
  changes jsonb not null,
  -- Ciphertexts, as the event has them.
  ip_address text,
  user_agent text,
  created_at timestamptz not null,
  position bigint not null,
  revision bigint not null
);
create index audit_log_created on read_model.audit_log (organization_id, created_at desc, id desc);
create index audit_log_actor on read_model.audit_log (organization_id, actor_id, created_at desc, id desc);
create index audit_log_resource on read_model.audit_log (organization_id, resource_type, resource_id, part, revision);

create table read_model.cross_tenant_denials (
  id uuid primary key,
  organization_id uuid not null,
  actor_kind text not null,
  actor_id text,
  operation text not null,
  target_organization_id uuid,
  target_workspace_id uuid,
  attempts bigint not null,
  first_at timestamptz not null,
  last_at timestamptz not null
);
create index cross_tenant_denials_last on read_model.cross_tenant_denials (last_at desc, id desc);

alter table read_model.audit_log enable row level security, force row level security;
alter table read_model.cross_tenant_denials enable row level security, force row level security;

create policy tenant on read_model.audit_log for select to everfold_api using (
  organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);
-- Of every organization, for the system alone.
create policy tenant on read_model.cross_tenant_denials for select to everfold_api using (
  (select nullif(current_setting('app.org', true), '')::uuid) = '00000000-0000-0000-0000-000000000000'
);
create policy projector on read_model.audit_log to everfold_projector using (true) with check (true);
create policy projector on read_model.cross_tenant_denials to everfold_projector using (true) with check (true);

-- What moved in a workspace is also told to its organization, where no workspace is asked for.
alter policy tenant on read_model.credit_transactions using (
  organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
  and (
    workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
    or (select nullif(current_setting('app.workspace', true), '')) is null
  )
);
reset role;

-- Down Migration

set role everfold_owner;
alter policy tenant on read_model.credit_transactions using (
  workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
  and organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);
drop table read_model.cross_tenant_denials;
drop table read_model.audit_log;
reset role;
