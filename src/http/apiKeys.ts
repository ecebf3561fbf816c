import type { apiKeyCreation, apiKeyRolling, apiKeyScopesChange } from "../commands/apiKeyIssue.ts";
import { ApiKeyView, RevokeApiKey } from "../commands/apiKeys.ts";
import { maskedApiKey } from "../commands/apiKeyText.ts";
import { apiKeys, apiKeysOf } from "../projections/apiKeys.ts";
import type { App } from "./binder.ts";
import { exampleIds, exampleTime } from "./examples.ts";

type ApiKeyOperations = {
  createApiKey: ReturnType<typeof apiKeyCreation>;
  rollApiKey: ReturnType<typeof apiKeyRolling>;
  changeApiKeyScopes: ReturnType<typeof apiKeyScopesChange>;
};

const place = { organizationId: exampleIds.organization };
const ofKey = { ...place, apiKeyId: exampleIds.apiKey };
const expiresAt = "2099-11-20T12:00:00.000Z";
const lent: { role: "member"; scopes: ("credits:debit" | "credits:read")[] } = {
  role: "member",
  scopes: ["credits:debit", "credits:read"],
};
const worker = {
  id: exampleIds.apiKey,
  name: "Enrichment worker",
  maskedKey: maskedApiKey(exampleIds.apiKey),
  workspaceId: null,
  ...lent,
  expiresAt,
  formerSecretUntil: null,
  vouchedBy: exampleIds.user,
  createdAt: exampleTime,
  lastUsedAt: null,
};
const key = worker.maskedKey.replace("****", "9vQ…");

/** KEY-01. */
export const apiKeyRoutes = (app: App, operations: ApiKeyOperations): void => {
  app.list("/organizations/:organizationId/api-keys", {
    name: "ListApiKeys",
    permission: "api_key:read",
    from: [apiKeys],
    output: ApiKeyView,
    example: { params: place, data: worker },
    load: async (read, { params, query }) => {
      const { rows, ...found } = await apiKeysOf(read, params.organizationId, query);
      return { ...found, rows: rows.map((row) => ({ ...row, maskedKey: maskedApiKey(row.id) })) };
    },
  });
  app.command("POST", "/organizations/:organizationId/api-keys", operations.createApiKey, {
    status: 201,
    example: { params: place, body: { name: worker.name, ...lent, expiresAt }, data: { ...worker, key } },
  });
  app.command("POST", "/organizations/:organizationId/api-keys/:apiKeyId/roll", operations.rollApiKey, {
    example: {
      params: ofKey,
      body: { graceSeconds: 3_600 },
      data: { ...worker, formerSecretUntil: "2026-11-20T13:00:00.000Z", key },
    },
  });
  app.command("PUT", "/organizations/:organizationId/api-keys/:apiKeyId/scopes", operations.changeApiKeyScopes, {
    example: { params: ofKey, body: lent, data: worker },
  });
  app.command("DELETE", "/organizations/:organizationId/api-keys/:apiKeyId", RevokeApiKey, {
    example: { params: ofKey, data: null },
  });
};
