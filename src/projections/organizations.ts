import { organization } from "../domain/tenancy/organization.ts";
import type { OrganizationRole } from "../domain/tenancy/roles.ts";
import { query, type Transaction } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";
import { insert, projection, table } from "./projection.ts";

const organizationsTable = table(
  "organizations",
  {
    id: "uuid",
    name: "text",
    slug: "text",
    is_personal: "boolean",
    created_by: "uuid",
    created_at: "timestamptz",
    updated_at: "timestamptz",
  },
  ["id"],
);
const membershipsTable = table(
  "organization_memberships",
  { organization_id: "uuid", user_id: "uuid", role: "text", joined_at: "timestamptz" },
  ["organization_id", "user_id"],
);

export const organizations = projection({
  name: "organizations",
  version: 1,
  tables: [organizationsTable, membershipsTable],
  of: [organization],
  when: {
    OrganizationCreated: ({ organizationId, name, slug, isPersonal, createdBy }, { metadata: { occurredAt } }) => [
      insert(organizationsTable, {
        id: organizationId,
        name,
        slug,
        is_personal: isPersonal,
        created_by: createdBy,
        created_at: occurredAt,
        updated_at: occurredAt,
      }),
      insert(membershipsTable, {
        organization_id: organizationId,
        user_id: createdBy,
        role: "admin",
        joined_at: occurredAt,
      }),
    ],
    OrganizationMemberAdded: ({ organizationId, userId, role }, { metadata: { occurredAt } }) =>
      insert(membershipsTable, { organization_id: organizationId, user_id: userId, role, joined_at: occurredAt }),
  },
});

type OrganizationOfUser = { id: string; name: string; slug: string; role: OrganizationRole };

export const organizationsOf = (read: Transaction, userId: string): Promise<OrganizationOfUser[]> =>
  query(
    read,
    sql`select o.id, o.name, o.slug, m.role
        from read_model.organization_memberships m join read_model.organizations o on o.id = m.organization_id
        where m.user_id = ${userId}
        order by m.joined_at, o.id`,
  );
