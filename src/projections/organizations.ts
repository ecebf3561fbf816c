import { organization } from "../domain/tenancy/organization.ts";
import type { Quotas } from "../domain/tenancy/plans.ts";
import { each, insert, type Occurrence, projection, remove, set, table } from "./projection.ts";

const organizationsTable = table(
  "organizations",
  {
    id: "uuid",
    name: "text",
    slug: "text",
    status: "text",
    is_personal: "boolean",
    plan: "text",
    max_users: "bigint",
    max_workspaces: "bigint",
    max_members_per_workspace: "bigint",
    max_pipelines: "bigint",
    max_executions_per_month: "bigint",
    industry: "text null",
    cloud_provider: "text null",
    project_management_tool: "text null",
    compliance_frameworks: "jsonb",
    created_by: "uuid",
    created_at: "timestamptz",
    updated_at: "timestamptz",
    deleted_at: "timestamptz null",
    revision: "bigint",
  },
  ["id"],
);
const membershipsTable = table(
  "organization_memberships",
  {
    organization_id: "uuid",
    user_id: "uuid",
    role: "text",
    status: "text",
    invited_at: "timestamptz",
    accepted_at: "timestamptz",
  },
  ["organization_id", "user_id"],
);

type Of = { organizationId: string };
type OfMember = Of & { userId: string };
const keyOf = ({ organizationId, userId }: OfMember) => ({ organization_id: organizationId, user_id: userId });

/** Members and places are part of the organization's stream: they change its revision, which is the ETag, as well. */
const revised = ({ organizationId }: Of, { revision }: Occurrence) =>
  set(organizationsTable, { id: organizationId }, { revision });

const quotaColumns = (quotas: Quotas) => ({
  max_users: quotas.maxUsers,
  max_workspaces: quotas.maxWorkspaces,
  max_members_per_workspace: quotas.maxMembersPerWorkspace,
  max_pipelines: quotas.maxPipelines,
  max_executions_per_month: quotas.maxExecutionsPerMonth,
});

type Values = Parameters<typeof set<typeof organizationsTable.columns, "id">>[2];
/** What a change sets in the organization's row, beside the time of it. */
const row =
  <Data extends Of>(values: (data: Data) => Values) =>
  (data: Data, { revision, metadata: { occurredAt } }: Occurrence) =>
    set(organizationsTable, { id: data.organizationId }, { ...values(data), updated_at: occurredAt, revision });

export const organizations = projection({
  name: "organizations",
  version: 2,
  tables: [organizationsTable, membershipsTable],
  of: [organization],
  when: {
    OrganizationCreated: (
      { organizationId, name, slug, isPersonal, plan, quotas, createdBy, createdAt },
      { revision },
    ) => [
      insert(organizationsTable, {
        ...{ id: organizationId, name, slug, status: "ACTIVE", is_personal: isPersonal, plan },
        ...quotaColumns(quotas),
        ...{ industry: null, cloud_provider: null, project_management_tool: null, compliance_frameworks: "[]" },
        ...{ created_by: createdBy, created_at: createdAt, updated_at: createdAt, deleted_at: null, revision },
      }),
      insert(membershipsTable, {
        ...keyOf({ organizationId, userId: createdBy }),
        ...{ role: "admin", status: "active", invited_at: createdAt, accepted_at: createdAt },
      }),
    ],
    OrganizationRenamed: row(({ name }) => ({ name })),
    OrganizationDeactivated: row(() => ({ status: "INACTIVE" })),
    OrganizationActivated: row(() => ({ status: "ACTIVE" })),
    OrganizationDeleted: ({ organizationId }, { revision, metadata: { occurredAt } }) =>
      set(
        organizationsTable,
        { id: organizationId },
        { status: "DELETED", deleted_at: occurredAt, updated_at: occurredAt, revision },
      ),
    OrganizationSettingsChanged: row(({ settings: { industry, cloudProvider, projectManagementTool } }) => ({
      industry,
      cloud_provider: cloudProvider,
      project_management_tool: projectManagementTool,
    })),
    OrganizationComplianceChanged: row(({ compliance: { frameworks } }) => ({
      compliance_frameworks: JSON.stringify(frameworks),
    })),
    OrganizationPlanChanged: row(({ plan, quotas }) => ({ plan, ...quotaColumns(quotas) })),
    OrganizationQuotasChanged: row(({ quotas }) => quotaColumns(quotas)),
    OrganizationMemberAdded: each(revised, ({ role, invitedAt, acceptedAt, ...member }) =>
      insert(membershipsTable, {
        ...keyOf(member),
        ...{ role, status: "active", invited_at: invitedAt, accepted_at: acceptedAt },
      }),
    ),
    OrganizationMemberRoleChanged: each(revised, ({ role, ...member }) =>
      set(membershipsTable, keyOf(member), { role }),
    ),
    OrganizationMemberDeactivated: each(revised, (member) =>
      set(membershipsTable, keyOf(member), { status: "deactivated" }),
    ),
    OrganizationMemberReactivated: each(revised, (member) =>
      set(membershipsTable, keyOf(member), { status: "active" }),
    ),
    OrganizationMemberRemoved: each(revised, (member) => remove(membershipsTable, keyOf(member))),
    SeatReserved: revised,
    SeatReleased: revised,
    WorkspaceAdmitted: revised,
    WorkspaceReleased: revised,
  },
});
