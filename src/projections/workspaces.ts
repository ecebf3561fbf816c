import type { WorkspaceRole } from "../domain/tenancy/roles.ts";
import { workspace } from "../domain/tenancy/workspace.ts";
import { query, type Transaction } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";
import { type Page, type Paged, paged } from "./page.ts";
import { insert, type Occurrence, projection, remove, set, table } from "./projection.ts";

const workspacesTable = table(
  "workspaces",
  {
    id: "uuid",
    organization_id: "uuid",
    name: "text",
    slug: "text",
    status: "text",
    description: "text null",
    time_zone: "text null",
    language: "text null",
    owner_id: "uuid",
    plan_type: "text",
    created_at: "timestamptz",
    updated_at: "timestamptz",
    deleted_at: "timestamptz null",
    revision: "bigint",
  },
  ["id"],
);
const membershipsTable = table(
  "workspace_memberships",
  {
    organization_id: "uuid",
    workspace_id: "uuid",
    user_id: "uuid",
    role: "text",
    invited_at: "timestamptz",
    accepted_at: "timestamptz null",
  },
  ["workspace_id", "user_id"],
);

/** Members are part of the workspace's stream: they change its revision, which is the ETag, as well. */
const revised = (workspaceId: string, { revision }: Occurrence) =>
  set(workspacesTable, { id: workspaceId }, { revision });

export const workspaces = projection({
  name: "workspaces",
  version: 2,
  tables: [workspacesTable, membershipsTable],
  of: [workspace],
  when: {
    WorkspaceCreated: ({ workspaceId, organizationId, name, slug, planType, ownerId, createdAt }, { revision }) => [
      insert(workspacesTable, {
        id: workspaceId,
        organization_id: organizationId,
        name,
        slug,
        status: "ACTIVE",
        description: null,
        time_zone: null,
        language: null,
        owner_id: ownerId,
        plan_type: planType,
        created_at: createdAt,
        updated_at: createdAt,
        deleted_at: null,
        revision,
      }),
      insert(membershipsTable, {
        organization_id: organizationId,
        workspace_id: workspaceId,
        user_id: ownerId,
        role: "owner",
        invited_at: createdAt,
        accepted_at: createdAt,
      }),
    ],
    WorkspaceRenamed: ({ workspaceId, name }, { revision, metadata: { occurredAt } }) =>
      set(workspacesTable, { id: workspaceId }, { name, updated_at: occurredAt, revision }),
    WorkspaceDeleted: ({ workspaceId }, { revision, metadata: { occurredAt } }) =>
      set(
        workspacesTable,
        { id: workspaceId },
        { status: "DELETED", deleted_at: occurredAt, updated_at: occurredAt, revision },
      ),
    WorkspaceStatusChanged: ({ workspaceId, status }, { revision, metadata: { occurredAt } }) =>
      set(workspacesTable, { id: workspaceId }, { status, updated_at: occurredAt, revision }),
    WorkspaceSettingsChanged: ({ workspaceId, settings }, { revision, metadata: { occurredAt } }) => {
      const { description, timeZone, language } = settings;
      const values = { description, time_zone: timeZone, language };
      return set(workspacesTable, { id: workspaceId }, { ...values, updated_at: occurredAt, revision });
    },
    MemberAdded: ({ organizationId, workspaceId, userId, role, invitedAt, acceptedAt }, occurrence) => [
      revised(workspaceId, occurrence),
      insert(membershipsTable, {
        organization_id: organizationId,
        workspace_id: workspaceId,
        user_id: userId,
        role,
        invited_at: invitedAt,
        accepted_at: acceptedAt,
      }),
    ],
    MemberInvited: ({ workspaceId }, occurrence) => revised(workspaceId, occurrence),
    MemberInvitationWithdrawn: ({ workspaceId }, occurrence) => revised(workspaceId, occurrence),
    MemberRemoved: ({ workspaceId, userId }, occurrence) => [
      revised(workspaceId, occurrence),
      remove(membershipsTable, { workspace_id: workspaceId, user_id: userId }),
    ],
    MemberRoleChanged: ({ workspaceId, userId, role }, occurrence) => [
      revised(workspaceId, occurrence),
      set(membershipsTable, { workspace_id: workspaceId, user_id: userId }, { role }),
    ],
  },
});

type WorkspaceRow = {
  id: string;
  name: string;
  slug: string;
  planType: "free" | "pro" | "enterprise";
  organizationId: string;
  status: "ACTIVE" | "INACTIVE" | "ARCHIVED";
  role: WorkspaceRole;
  createdAt: string;
};
/** The revision of the stream the row is made of: what a change can be asked to begin from. */
type Revised = { revision: number };

/** Who is let through without any membership runs the platform, and acts as an owner. */
const workspaceColumns = sql`w.id, w.name, w.slug, w.plan_type as "planType", w.organization_id as "organizationId",
  w.status, case when m.role = 'owner' then 'owner' when o.role = 'admin' then 'admin'
    else coalesce(m.role, 'owner') end as role,
  w.created_at as "createdAt"`;

const withRolesOf = (userId: string) => sql`
  from read_model.workspaces w
  left join read_model.workspace_memberships m on m.workspace_id = w.id and m.user_id = ${userId}
  left join read_model.organization_memberships o on o.organization_id = w.organization_id
    and o.user_id = ${userId} and o.role = 'admin' and o.status = 'active'
  where w.deleted_at is null`;

/** Who asks, and where; who sees everything needs no membership. */
type Asking = { userId: string; organizationId: string; seesAll: boolean };

/** WS-03: of the active organization those the user is a member of, and all of them for its admin. */
const seenBy = ({ userId, organizationId, seesAll }: Asking) => sql`
  ${withRolesOf(userId)} and w.organization_id = ${organizationId}
    and (${seesAll} or m.user_id is not null or o.user_id is not null)`;

export const workspacesOf = async (read: Transaction, asking: Asking, page: Page): Promise<Paged<WorkspaceRow>> => {
  const [counted] = await query<{ total: number }>(read, sql`select count(*) as total ${seenBy(asking)}`);
  return paged(page, counted?.total ?? 0, () =>
    query(
      read,
      sql`select ${workspaceColumns} ${seenBy(asking)}
          order by w.created_at, w.id limit ${page.limit} offset ${page.offset}`,
    ),
  );
};

/** Of one the user was let through to. */
export const workspaceById = async (
  read: Transaction,
  workspaceId: string,
  userId: string,
): Promise<(WorkspaceRow & Revised) | undefined> => {
  const [row] = await query<WorkspaceRow & Revised>(
    read,
    sql`select ${workspaceColumns}, w.revision ${withRolesOf(userId)} and w.id = ${workspaceId}`,
  );
  return row;
};

type SettingsRow = { description: string | null; timeZone: string | null; language: string | null } & Revised;

/** WS-09. */
export const workspaceSettings = async (read: Transaction, workspaceId: string): Promise<SettingsRow | undefined> => {
  const [row] = await query<SettingsRow>(
    read,
    sql`select description, time_zone as "timeZone", language, revision
        from read_model.workspaces where id = ${workspaceId} and deleted_at is null`,
  );
  return row;
};

type WorkspaceOfUser = { id: string; name: string; role: WorkspaceRole };

/** AUTH-28: memberships alone, in the order they began. */
export const membershipsOf = (read: Transaction, userId: string): Promise<WorkspaceOfUser[]> =>
  query(
    read,
    sql`select w.id, w.name, m.role
        from read_model.workspace_memberships m join read_model.workspaces w on w.id = m.workspace_id
        where m.user_id = ${userId} and w.deleted_at is null
        order by m.invited_at, w.id`,
  );

type MemberRow = {
  userId: string;
  workspaceId: string;
  role: WorkspaceRole;
  invitedAt: string;
  acceptedAt: string | null;
};

export const membersOf = async (read: Transaction, workspaceId: string, page: Page): Promise<Paged<MemberRow>> => {
  const [counted] = await query<{ total: number }>(
    read,
    sql`select count(*) as total from read_model.workspace_memberships where workspace_id = ${workspaceId}`,
  );
  return paged(page, counted?.total ?? 0, () =>
    query(
      read,
      sql`select user_id as "userId", workspace_id as "workspaceId", role, invited_at as "invitedAt",
            accepted_at as "acceptedAt"
          from read_model.workspace_memberships where workspace_id = ${workspaceId}
          order by invited_at, user_id limit ${page.limit} offset ${page.offset}`,
    ),
  );
};
