-- Up Migration

set role everfold_owner;
create table read_model.repositories (
  id uuid primary key,
  organization_id uuid not null,
  workspace_id uuid,
  kind text not null,
  parent_id uuid not null,
  -- Compared letter by letter: that is what places were made for.
  rank text collate "C" not null,
  status text not null,
  fields jsonb not null,
  created_by uuid,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  revision bigint not null
);
create index repositories_order on read_model.repositories (parent_id, kind, rank, id);
create index repositories_kind on read_model.repositories (organization_id, workspace_id, kind);
create index repositories_deleted on read_model.repositories (organization_id, workspace_id) where deleted_at is not null;
alter table read_model.repositories enable row level security, force row level security;
create policy tenant on read_model.repositories for select to everfold_api using (
  organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);
create policy projector on read_model.repositories to everfold_projector using (true) with check (true);

create table read_model.jobs (
  id uuid primary key,
  organization_id uuid not null,
  workspace_id uuid,
  kind text not null,
  parent_id uuid not null,
  -- Compared letter by letter: that is what places were made for.
  rank text collate "C" not null,
  status text not null,
  fields jsonb not null,
  created_by uuid,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  revision bigint not null
);
create index jobs_order on read_model.jobs (parent_id, kind, rank, id);
create index jobs_kind on read_model.jobs (organization_id, workspace_id, kind);
create index jobs_deleted on read_model.jobs (organization_id, workspace_id) where deleted_at is not null;
alter table read_model.jobs enable row level security, force row level security;
create policy tenant on read_model.jobs for select to everfold_api using (
  organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);
create policy projector on read_model.jobs to everfold_projector using (true) with check (true);
reset role;

-- Down Migration

drop table read_model.jobs;
drop table read_model.repositories;
