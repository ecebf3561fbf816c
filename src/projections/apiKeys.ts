import { apiKey } from "../domain/accounts/apiKey.ts";
import { query, type Transaction } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";
import { type Page, type Paged, paged } from "./page.ts";
import { insert, projection, set, table } from "./projection.ts";

/** Without the hashes of secrets: whoever reads this table learns nothing to sign in with, or to compare with. */
const apiKeysTable = table(
  "api_keys",
  {
    id: "uuid",
    organization_id: "uuid",
    workspace_id: "uuid null",
    name: "text",
    role: "text",
    scopes: "jsonb",
    vouched_by: "uuid",
    expires_at: "timestamptz null",
    former_secret_until: "timestamptz null",
    created_at: "timestamptz",
    updated_at: "timestamptz",
    last_used_at: "timestamptz null",
    revoked_at: "timestamptz null",
  },
  ["id"],
);

export const apiKeys = projection({
  name: "api_keys",
  version: 1,
  tables: [apiKeysTable],
  of: [apiKey],
  when: {
    ApiKeyCreated: ({ apiKeyId, organizationId, workspaceId, name, role, scopes, vouchedBy, expiresAt, createdAt }) =>
      insert(apiKeysTable, {
        ...{ id: apiKeyId, organization_id: organizationId, workspace_id: workspaceId, name },
        ...{ role, scopes: JSON.stringify(scopes), vouched_by: vouchedBy },
        ...{ expires_at: expiresAt, former_secret_until: null },
        ...{ created_at: createdAt, updated_at: createdAt, last_used_at: null, revoked_at: null },
      }),
    ApiKeyRolled: ({ apiKeyId, expiresAt, formerUntil, vouchedBy }, { metadata: { occurredAt } }) =>
      set(
        apiKeysTable,
        { id: apiKeyId },
        {
          ...{ expires_at: expiresAt, former_secret_until: formerUntil },
          ...{ vouched_by: vouchedBy, updated_at: occurredAt },
        },
      ),
    ApiKeyScopesChanged: ({ apiKeyId, role, scopes, vouchedBy }, { metadata: { occurredAt } }) =>
      set(
        apiKeysTable,
        { id: apiKeyId },
        { role, scopes: JSON.stringify(scopes), vouched_by: vouchedBy, updated_at: occurredAt },
      ),
    ApiKeyUsed: ({ apiKeyId, usedAt }) => set(apiKeysTable, { id: apiKeyId }, { last_used_at: usedAt }),
    ApiKeyRevoked: ({ apiKeyId }, { metadata: { occurredAt } }) =>
      set(apiKeysTable, { id: apiKeyId }, { revoked_at: occurredAt, updated_at: occurredAt }),
  },
});

type ApiKeyRow = {
  id: string;
  name: string;
  workspaceId: string | null;
  role: "viewer" | "member" | "admin" | "owner";
  scopes: string[];
  vouchedBy: string;
  expiresAt: string | null;
  formerSecretUntil: string | null;
  createdAt: string;
  lastUsedAt: string | null;
};

const listed = (organizationId: string) =>
  sql`from read_model.api_keys where organization_id = ${organizationId} and revoked_at is null`;

/** Those that were not revoked: an expired one can be rolled. */
export const apiKeysOf = async (read: Transaction, organizationId: string, page: Page): Promise<Paged<ApiKeyRow>> => {
  const [counted] = await query<{ total: number }>(read, sql`select count(*) as total ${listed(organizationId)}`);
  return paged(page, counted?.total ?? 0, () =>
    query(
      read,
      sql`select id, name, workspace_id as "workspaceId", role, scopes, vouched_by as "vouchedBy",
            expires_at as "expiresAt", former_secret_until as "formerSecretUntil", created_at as "createdAt",
            last_used_at as "lastUsedAt" ${listed(organizationId)}
          order by created_at, id limit ${page.limit} offset ${page.offset}`,
    ),
  );
};
