import { credential } from "../domain/credentials/credential.ts";
import { query, type Transaction } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";
import { type Page, type Paged, paged } from "./page.ts";
import { insert, projection, set, table } from "./projection.ts";

const credentialsTable = table(
  "api_credentials",
  {
    id: "uuid",
    organization_id: "uuid",
    workspace_id: "uuid",
    provider_name: "text",
    name: "text",
    masked_key: "text",
    created_by: "uuid",
    created_at: "timestamptz",
    updated_at: "timestamptz",
    last_used_at: "timestamptz null",
    deleted_at: "timestamptz null",
  },
  ["id"],
);

export const credentials = projection({
  name: "credentials",
  version: 1,
  tables: [credentialsTable],
  of: [credential],
  when: {
    CredentialStored: (stored, { metadata: { occurredAt } }) =>
      insert(credentialsTable, {
        id: stored.credentialId,
        organization_id: stored.organizationId,
        workspace_id: stored.workspaceId,
        provider_name: stored.providerName,
        name: stored.name,
        masked_key: stored.maskedKey,
        created_by: stored.createdBy,
        created_at: occurredAt,
        updated_at: occurredAt,
        last_used_at: null,
        deleted_at: null,
      }),
    CredentialUsed: ({ credentialId, usedAt }) => set(credentialsTable, { id: credentialId }, { last_used_at: usedAt }),
    CredentialDeleted: ({ credentialId }, { metadata: { occurredAt } }) =>
      set(credentialsTable, { id: credentialId }, { updated_at: occurredAt, deleted_at: occurredAt }),
  },
});

type CredentialRow = {
  id: string;
  providerName: string;
  name: string;
  maskedKey: string;
  createdAt: string;
  lastUsedAt: string | null;
};

const listed = (workspaceId: string) =>
  sql`from read_model.api_credentials where workspace_id = ${workspaceId} and deleted_at is null`;

export const credentialsOf = async (
  read: Transaction,
  workspaceId: string,
  page: Page,
): Promise<Paged<CredentialRow>> => {
  const [counted] = await query<{ total: number }>(read, sql`select count(*) as total ${listed(workspaceId)}`);
  return paged(page, counted?.total ?? 0, () =>
    query(
      read,
      sql`select id, provider_name as "providerName", name, masked_key as "maskedKey", created_at as "createdAt",
            last_used_at as "lastUsedAt" ${listed(workspaceId)}
          order by created_at, id limit ${page.limit} offset ${page.offset}`,
    ),
  );
};
