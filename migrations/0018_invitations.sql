-- Up Migration

-- An e-mail address stands here as its event has it: encrypted, under the invitation's own key.
set role everfold_owner;
create table read_model.invitations (
  id uuid primary key,
  organization_id uuid not null,
  workspace_id uuid,
  role text not null,
  email_sealed text not null,
  status text not null constraint invitations_status check (status in ('open', 'accepted', 'revoked')),
  invited_by uuid,
  invited_at timestamptz not null,
  expires_at timestamptz not null,
  accepted_by uuid,
  accepted_at timestamptz,
  updated_at timestamptz not null
);
create index invitations_organization_id on read_model.invitations (organization_id, invited_at desc, id);
create index invitations_workspace_id on read_model.invitations (workspace_id, invited_at desc, id);
alter table read_model.invitations enable row level security, force row level security;
create policy tenant on read_model.invitations for select to everfold_api using (
  organization_id = (select nullif(current_setting('app.org', true), '')::uuid)
);
create policy projector on read_model.invitations to everfold_projector using (true) with check (true);
reset role;

-- Down Migration

drop table read_model.invitations;
