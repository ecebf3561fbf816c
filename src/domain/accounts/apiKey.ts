import { z } from "zod";
import { type Aggregate, event } from "../../kernel/decider.ts";
import { text } from "../../kernel/text.ts";

export const ApiKeyName = text(100);
/** Those of a workspace, lowest first. */
export const ApiKeyRole = z.enum(["viewer", "member", "admin", "owner"]);
/** SHA-256 of the secret, hex: the secret itself is known to its holder alone. */
export const ApiKeySecretHash = z.hash("sha256");

const OfKey = z.object({ apiKeyId: z.uuid(), organizationId: z.uuid() });
/** What the key may, and the person it may no more than. A scope is the name of a permission. */
const Lent = { role: ApiKeyRole, scopes: z.array(z.string()), vouchedBy: z.uuid() };
const Expiry = { expiresAt: z.iso.datetime().nullable() };

const events = {
  ApiKeyCreated: event(
    OfKey.extend({
      /** Null where it is good for all workspaces of the organization. */
      workspaceId: z.uuid().nullable(),
      name: ApiKeyName,
      ...Lent,
      ...Expiry,
      secretHash: ApiKeySecretHash,
      createdAt: z.iso.datetime(),
    }),
  ),
  /** Another secret; the one before it is good until `formerUntil`, and any older one no more. */
  ApiKeyRolled: event(
    OfKey.extend({
      ...Expiry,
      secretHash: ApiKeySecretHash,
      formerUntil: z.iso.datetime(),
      vouchedBy: z.uuid(),
    }),
  ),
  ApiKeyScopesChanged: event(OfKey.extend(Lent)),
  ApiKeyUsed: event(OfKey.extend({ usedAt: z.iso.datetime() })),
  ApiKeyRevoked: event(OfKey),
};

export type ActiveApiKey = {
  status: "active";
  organizationId: string;
  workspaceId: string | null;
  name: string;
  role: z.output<typeof ApiKeyRole>;
  scopes: readonly string[];
  vouchedBy: string;
  secretHash: string;
  former: { secretHash: string; until: string } | null;
  expiresAt: string | null;
  createdAt: string;
  lastUsedAt: string | null;
};
export type ApiKey = { status: "absent" } | { status: "revoked"; organizationId: string } | ActiveApiKey;

/** KEY-01: what a service signs in with. It belongs to its organization, and a person vouches for it. */
export const apiKey: Aggregate<typeof events, ApiKey> = {
  category: "api_key",
  events,
  initial: { status: "absent" },
  evolve: {
    ApiKeyCreated: (_, { apiKeyId: _id, ...created }) => ({
      ...created,
      status: "active",
      former: null,
      lastUsedAt: null,
    }),
    ApiKeyRolled: (current, { secretHash, formerUntil: until, expiresAt, vouchedBy }) =>
      whileActive(current, (active) => ({
        ...active,
        ...{ secretHash, expiresAt, vouchedBy },
        former: { secretHash: active.secretHash, until },
      })),
    ApiKeyScopesChanged: (current, { role, scopes, vouchedBy }) =>
      whileActive(current, (active) => ({ ...active, role, scopes, vouchedBy })),
    ApiKeyUsed: (current, { usedAt }) => whileActive(current, (active) => ({ ...active, lastUsedAt: usedAt })),
    ApiKeyRevoked: (_, { organizationId }) => ({ status: "revoked", organizationId }),
  },
};

/** The hashes of the secrets that are good at this moment: of a key that is expired, none. */
export const goodSecrets = ({ secretHash, former, expiresAt }: ActiveApiKey, now: string): string[] => {
  if (isPast(expiresAt, now)) return [];
  return former === null || isPast(former.until, now) ? [secretHash] : [secretHash, former.secretHash];
};

/** Good until this moment, and at it no more. */
export const isPast = (until: string | null, now: string): boolean =>
  until !== null && Date.parse(until) <= Date.parse(now);

const whileActive = (current: ApiKey, change: (active: ActiveApiKey) => ActiveApiKey): ApiKey =>
  current.status === "active" ? change(current) : current;
