import { z } from "zod";
import {
  type ActiveApiKey,
  type ApiKey,
  ApiKeyName,
  ApiKeyRole,
  ApiKeySecretHash,
  apiKey,
  isPast,
} from "../domain/accounts/apiKey.ts";
import { command } from "../kernel/decider.ts";
import { type Rejection, reject } from "../kernel/rejection.ts";
import { ApiKeyScopes, beyondKey, inOrder } from "./apiKeyScopes.ts";
import { maskedApiKey } from "./apiKeyText.ts";

export const OfApiKey = z.object({ organizationId: z.uuid(), apiKeyId: z.uuid() });
const ofApiKey = ({ apiKeyId }: { apiKeyId: string }): string => apiKeyId;

/** All of a key that anybody is shown once it was made. */
export const ApiKeyView = z.object({
  id: z.uuid(),
  name: z.string(),
  maskedKey: z.string(),
  workspaceId: z.uuid().nullable(),
  role: ApiKeyRole,
  scopes: z.array(z.string()),
  expiresAt: z.iso.datetime().nullable(),
  formerSecretUntil: z.iso.datetime().nullable().describe("Until then the secret before the last roll is good, too"),
  vouchedBy: z.uuid().describe("The person the key may no more than"),
  createdAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime().nullable().describe("To the minute"),
});

const Lent = { role: ApiKeyRole, scopes: ApiKeyScopes };
export const NewApiKey = z.object({
  organizationId: z.uuid(),
  name: ApiKeyName,
  ...Lent,
  workspaceId: z.uuid().optional().describe("The one it is good for; absent for all of the organization"),
  expiresAt: z.iso.datetime().optional(),
});

export const CreateApiKey = command(apiKey, {
  name: "CreateApiKey",
  permission: "api_key:write",
  input: NewApiKey.extend({ apiKeyId: z.uuid(), secretHash: ApiKeySecretHash, vouchedBy: z.uuid() }),
  output: ApiKeyView,
  stream: ofApiKey,
  decide: ({ workspaceId = null, scopes, expiresAt: wanted, ...created }, current, { now }) => {
    if (current.status !== "absent") return reject("conflict", "API_KEY_EXISTS", "This key was made before.");
    const expiresAt = wanted === undefined ? null : canonicalInstant(wanted);
    const refused = beyondKey(scopes, { ...created, workspaceId }) ?? expiryPast(expiresAt, now);
    if (refused) return refused;
    const lent = { workspaceId, scopes: inOrder(scopes), expiresAt };
    return [{ type: "ApiKeyCreated", data: { ...created, ...lent, createdAt: now } }];
  },
  answer: apiKeyView,
});

const graceMaxS = 86_400;
const graceDefaultS = 3_600;

export const RolledApiKey = OfApiKey.extend({
  graceSeconds: z.int().min(0).max(graceMaxS).default(graceDefaultS).describe("How long the old secret stays good"),
  expiresAt: z.iso.datetime().optional().describe("As it was unless told"),
});

/** The old secret is never good for longer than it was. A key that is expired is had again by another expiry. */
export const RollApiKey = command(apiKey, {
  name: "RollApiKey",
  permission: "api_key:write",
  input: RolledApiKey.extend({ secretHash: ApiKeySecretHash, vouchedBy: z.uuid() }),
  output: ApiKeyView,
  stream: ofApiKey,
  decide: ({ graceSeconds, expiresAt: wanted, ...rolled }, current, { now }) =>
    whileActive(current, rolled, (active) => {
      const expiresAt = wanted === undefined ? active.expiresAt : canonicalInstant(wanted);
      const refused = expiryPast(expiresAt, now);
      if (refused) return refused;
      const grace = new Date(Date.parse(now) + graceSeconds * 1_000).toISOString();
      const formerUntil = active.expiresAt !== null && active.expiresAt < grace ? active.expiresAt : grace;
      return [{ type: "ApiKeyRolled", data: { ...rolled, expiresAt, formerUntil } }];
    }),
  answer: apiKeyView,
});

export const ChangedScopes = OfApiKey.extend(Lent);

export const ChangeApiKeyScopes = command(apiKey, {
  name: "ChangeApiKeyScopes",
  permission: "api_key:write",
  input: ChangedScopes.extend({ vouchedBy: z.uuid() }),
  output: ApiKeyView,
  stream: ofApiKey,
  decide: (asked, current) =>
    whileActive(current, asked, (active) => {
      const refused = beyondKey(asked.scopes, { role: asked.role, workspaceId: active.workspaceId });
      if (refused) return refused;
      const scopes = inOrder(asked.scopes);
      const isSame = asked.role === active.role && scopes.join() === active.scopes.join();
      if (isSame && asked.vouchedBy === active.vouchedBy) return [];
      return [{ type: "ApiKeyScopesChanged", data: { ...asked, scopes } }];
    }),
  answer: apiKeyView,
});

/** KEY-02: it signs in nobody from the next request on. */
export const RevokeApiKey = command(apiKey, {
  name: "RevokeApiKey",
  permission: "api_key:delete",
  input: OfApiKey,
  output: z.null(),
  stream: ofApiKey,
  decide: (revoked, current) => whileActive(current, revoked, () => [{ type: "ApiKeyRevoked", data: revoked }]),
  answer: () => null,
});

const useNotedEveryMs = 60_000;
export const isUseNoted = (lastUsedAt: string | null, now: string): boolean =>
  lastUsedAt !== null && Date.parse(now) - Date.parse(lastUsedAt) < useNotedEveryMs;

/** KEY-01: the last use is kept to the minute: an event for each would say no more and make the stream long. */
export const RecordApiKeyUse = command(apiKey, {
  name: "RecordApiKeyUse",
  permission: "api_key:write",
  input: OfApiKey,
  output: z.null(),
  stream: ofApiKey,
  decide: (used, current, { now }) =>
    whileActive(current, used, ({ lastUsedAt }) =>
      isUseNoted(lastUsedAt, now) ? [] : [{ type: "ApiKeyUsed", data: { ...used, usedAt: now } }],
    ),
  answer: () => null,
});

const whileActive = <Decision>(
  current: ApiKey,
  { organizationId }: { organizationId: string },
  decide: (active: ActiveApiKey) => Decision,
): Decision | Rejection =>
  current.status === "active" && current.organizationId === organizationId ? decide(current) : noApiKey();

export const noApiKey = (): Rejection => reject("missing", "RESOURCE_NOT_FOUND", "There is no such API key.");

/** Instants are compared as text, so all of them are written alike. */
const canonicalInstant = (instant: string): string => new Date(instant).toISOString();

const expiryPast = (expiresAt: string | null, now: string): Rejection | undefined =>
  isPast(expiresAt, now)
    ? reject("unprocessable", "EXPIRY_NOT_LATER", "A key can only expire after now.", { expiresAt })
    : undefined;

function apiKeyView({
  state,
  input: { apiKeyId },
}: {
  state: ApiKey;
  input: { apiKeyId: string };
}): z.output<typeof ApiKeyView> {
  if (state.status !== "active") throw new Error("a key that was made or changed is active");
  const { name, workspaceId, role, scopes, expiresAt, former, vouchedBy, createdAt, lastUsedAt } = state;
  return {
    ...{ id: apiKeyId, name, maskedKey: maskedApiKey(apiKeyId), workspaceId, role, scopes: [...scopes] },
    ...{ expiresAt, formerSecretUntil: former?.until ?? null, vouchedBy, createdAt, lastUsedAt },
  };
}
