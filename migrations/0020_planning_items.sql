-- Up Migration

set role everfold_owner;
create table read_model.planning_items (
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
create index planning_items_order on read_model.planning_items (parent_id, kind, rank, id);
create index planning_items_kind on read_model.planning_items (organization_id, workspace_id, kind);
create index planning_items_deleted on read_model.planning_items (organization_id, workspace_id) where deleted_at is not null;
alter table read_model.planning_items enable row level security, force row level security;
create policy tenant on read_model.planning_items for select to everfold_api using (
  workspace_id = (select nullif(current_setting('app.workspace', true), '')::uuid)
  and organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);
create policy projector on read_model.planning_items to everfold_projector using (true) with check (true);
reset role;

-- Down Migration

drop table read_model.planning_items;
