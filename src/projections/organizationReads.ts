import type { OrganizationSettings } from "../domain/tenancy/organizationSettings.ts";
import type { PlanType, Quotas } from "../domain/tenancy/plans.ts";
import type { OrganizationRole } from "../domain/tenancy/roles.ts";
import { query, type Transaction } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";
import { type Page, type Paged, paged } from "./page.ts";

type OrganizationRow = {
  id: string;
  name: string;
  slug: string;
  status: "ACTIVE" | "INACTIVE";
  isPersonal: boolean;
  plan: PlanType;
  quotas: Quotas;
  /** Null for a system admin who is no member. */
  role: OrganizationRole | null;
  createdAt: string;
  updatedAt: string;
};
/** The revision of the stream the row is made of: what a change can be asked to begin from. */
type Revised = { revision: number };

const columns = sql`o.id, o.name, o.slug, o.status, o.is_personal as "isPersonal", o.plan,
  json_build_object('maxUsers', o.max_users, 'maxWorkspaces', o.max_workspaces,
    'maxMembersPerWorkspace', o.max_members_per_workspace, 'maxPipelines', o.max_pipelines,
    'maxExecutionsPerMonth', o.max_executions_per_month) as quotas,
  m.role, o.created_at as "createdAt", o.updated_at as "updatedAt"`;

const ofMember = (userId: string) => sql`
  from read_model.organization_memberships m join read_model.organizations o on o.id = m.organization_id
  where m.user_id = ${userId} and m.status = 'active' and o.deleted_at is null`;

/** ORG-01: in the order in which the user came to them. */
export const organizationsOf = async (
  read: Transaction,
  userId: string,
  page: Page,
): Promise<Paged<OrganizationRow>> => {
  const [counted] = await query<{ total: number }>(read, sql`select count(*) as total ${ofMember(userId)}`);
  return paged(page, counted?.total ?? 0, () =>
    query(
      read,
      sql`select ${columns} ${ofMember(userId)}
          order by m.accepted_at, o.id limit ${page.limit} offset ${page.offset}`,
    ),
  );
};

type OrganizationOfUser = { id: string; name: string; slug: string; role: OrganizationRole };

export const membershipsInOrganizationsOf = (read: Transaction, userId: string): Promise<OrganizationOfUser[]> =>
  query(read, sql`select o.id, o.name, o.slug, m.role ${ofMember(userId)} order by m.accepted_at, o.id`);

export const organizationById = async (
  read: Transaction,
  organizationId: string,
  userId: string,
): Promise<(OrganizationRow & Revised) | undefined> => {
  const [row] = await query<OrganizationRow & Revised>(
    read,
    sql`select ${columns}, o.revision from read_model.organizations o
        left join read_model.organization_memberships m on m.organization_id = o.id and m.user_id = ${userId}
        where o.id = ${organizationId} and o.deleted_at is null`,
  );
  return row;
};

export const organizationSettings = async (
  read: Transaction,
  organizationId: string,
): Promise<(OrganizationSettings & Revised) | undefined> => {
  const [row] = await query<OrganizationSettings & Revised>(
    read,
    sql`select industry, cloud_provider as "cloudProvider", project_management_tool as "projectManagementTool", revision
        from read_model.organizations where id = ${organizationId}`,
  );
  return row;
};

type ComplianceRow = { frameworks: ("GDPR" | "HIPAA" | "ISO27001" | "PCI_DSS" | "SOC2")[] } & Revised;

export const organizationCompliance = async (
  read: Transaction,
  organizationId: string,
): Promise<ComplianceRow | undefined> => {
  const [row] = await query<ComplianceRow>(
    read,
    sql`select compliance_frameworks as frameworks, revision
        from read_model.organizations where id = ${organizationId}`,
  );
  return row;
};

type OrganizationMemberRow = {
  userId: string;
  organizationId: string;
  role: OrganizationRole;
  status: "active" | "deactivated";
  invitedAt: string;
  acceptedAt: string;
};

/** ORG-07. */
export const organizationMembersOf = async (
  read: Transaction,
  organizationId: string,
  page: Page,
): Promise<Paged<OrganizationMemberRow>> => {
  const [counted] = await query<{ total: number }>(
    read,
    sql`select count(*) as total from read_model.organization_memberships where organization_id = ${organizationId}`,
  );
  return paged(page, counted?.total ?? 0, () =>
    query(
      read,
      sql`select user_id as "userId", organization_id as "organizationId", role, status,
            invited_at as "invitedAt", accepted_at as "acceptedAt"
          from read_model.organization_memberships where organization_id = ${organizationId}
          order by accepted_at, user_id limit ${page.limit} offset ${page.offset}`,
    ),
  );
};

type Counts = { quotas: Quotas; users: number; deactivated: number; workspaces: number; credits: number };

/** ORG-08, QUO-03: what there is of everything, beside what there may be. */
export const organizationCounts = async (read: Transaction, organizationId: string): Promise<Counts | undefined> => {
  const [row] = await query<Counts>(
    read,
    sql`select ${columns},
          (select count(*) from read_model.organization_memberships
            where organization_id = o.id and status = 'active') as users,
          (select count(*) from read_model.organization_memberships
            where organization_id = o.id and status = 'deactivated') as deactivated,
          (select count(*) from read_model.workspaces
            where organization_id = o.id and deleted_at is null) as workspaces,
          (select coalesce(sum(b.available), 0)::bigint
            from read_model.workspaces w join read_model.billing b on b.workspace_id = w.id
            where w.organization_id = o.id and w.deleted_at is null) as credits
        from read_model.organizations o left join read_model.organization_memberships m on false
        where o.id = ${organizationId} and o.deleted_at is null`,
  );
  return row;
};
