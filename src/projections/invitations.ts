import { invitation } from "../domain/tenancy/invitation.ts";
import type { OrganizationRole } from "../domain/tenancy/roles.ts";
import { sealedField } from "../eventstore/sealedFields.ts";
import { query, type Transaction } from "../platform/postgres.ts";
import { type Sql, sql } from "../platform/sql.ts";
import { type Page, type Paged, paged } from "./page.ts";
import { insert, type Occurrence, projection, set, table } from "./projection.ts";

const invitationsTable = table(
  "invitations",
  {
    id: "uuid",
    organization_id: "uuid",
    workspace_id: "uuid null",
    role: "text",
    email_sealed: "text",
    status: "text",
    invited_by: "uuid null",
    invited_at: "timestamptz",
    expires_at: "timestamptz",
    accepted_by: "uuid null",
    accepted_at: "timestamptz null",
    updated_at: "timestamptz",
  },
  ["id"],
);

type Values = Parameters<typeof set<typeof invitationsTable.columns, "id">>[2];
const row =
  <Data extends { invitationId: string }>(values: (data: Data) => Values) =>
  (data: Data, { metadata: { occurredAt } }: Occurrence) =>
    set(invitationsTable, { id: data.invitationId }, { ...values(data), updated_at: occurredAt });

export const invitations = projection({
  name: "invitations",
  version: 1,
  tables: [invitationsTable],
  of: [invitation],
  when: {
    InvitationIssued: (
      { invitationId, organizationId, workspaceId, role, invitedBy, invitedAt, expiresAt },
      { stored },
    ) =>
      insert(invitationsTable, {
        ...{ id: invitationId, organization_id: organizationId, workspace_id: workspaceId, role },
        ...{
          email_sealed: sealedField(invitation, "InvitationIssued", stored, "email"),
          status: "open",
          invited_by: invitedBy,
          invited_at: invitedAt,
        },
        ...{ expires_at: expiresAt, accepted_by: null, accepted_at: null, updated_at: invitedAt },
      }),
    InvitationRenewed: row(({ expiresAt }) => ({ expires_at: expiresAt })),
    InvitationRevoked: row(() => ({ status: "revoked" })),
    InvitationAccepted: row(({ userId, acceptedAt }) => ({
      status: "accepted",
      accepted_by: userId,
      accepted_at: acceptedAt,
    })),
  },
});

export type InvitationRow = {
  id: string;
  organizationId: string;
  workspaceId: string | null;
  role: OrganizationRole | "owner";
  emailSealed: string;
  status: "open" | "accepted" | "revoked" | "expired";
  invitedBy: string | null;
  invitedAt: string;
  expiresAt: string;
};

/** INV-04: the newest first; what has expired says so, though nothing happened to it. */
const invitationsWhere = async (read: Transaction, condition: Sql, page: Page): Promise<Paged<InvitationRow>> => {
  const where = sql`from read_model.invitations where ${condition}`;
  const [counted] = await query<{ total: number }>(read, sql`select count(*) as total ${where}`);
  return paged(page, counted?.total ?? 0, () =>
    query(
      read,
      sql`select id, organization_id as "organizationId", workspace_id as "workspaceId", role,
            email_sealed as "emailSealed",
            case when status = 'open' and expires_at <= now() then 'expired' else status end as status,
            invited_by as "invitedBy", invited_at as "invitedAt", expires_at as "expiresAt"
          ${where} order by invited_at desc, id limit ${page.limit} offset ${page.offset}`,
    ),
  );
};

export const invitationsOfOrganization = (read: Transaction, organizationId: string, page: Page) =>
  invitationsWhere(read, sql`organization_id = ${organizationId}`, page);

export const invitationsOfWorkspace = (read: Transaction, workspaceId: string, page: Page) =>
  invitationsWhere(read, sql`workspace_id = ${workspaceId}`, page);
