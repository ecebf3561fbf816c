import type { Lent } from "../commands/access.ts";
import type { AccessNotes } from "../commands/accessLog.ts";
import type { ApiKeyCaller, ApiKeyFault } from "../commands/apiKeyAuthentication.ts";
import type { Handler } from "../commands/handler.ts";
import type { Rejection } from "../kernel/rejection.ts";
import type { AccessClaims, TokenFault } from "../platform/accessTokens.ts";
import type { Transaction } from "../platform/postgres.ts";
import type { OwnWrites, Projected } from "../projections/positions.ts";

/** Who sent the request, as proved by the access token or the API key. */
export type Caller = {
  actor: { kind: "user" | "api_key"; id: string };
  /** The person; of a key, the one who vouches for it. */
  userId: string;
  /** A key has none. */
  sessionId: string | null;
  organizationId: string;
  key?: Lent | undefined;
};

type Tier = "public" | "account" | "platform" | "organization" | "workspace";
/** RBAC-05: every permission a route can ask for. */
type PermissionCatalogue = Readonly<Record<string, { tier: Tier; role?: string }>>;

/** RBAC-11: which tier decided, on what role, and why; told to the log. */
type Grounds = { tier: Tier; role: string | null; reason: string };
/** That the caller may, and the organization the resource belongs to. */
export type Access = Grounds & { organizationId: string | null };
/** What the path names. */
type Place = { organizationId?: string | undefined; workspaceId?: string | undefined };

/** What http needs from the rest of the process; main hands it in. */
export type Ports = {
  handler: Pick<Handler, "handle">;
  tokens: { verify(token: string): Promise<AccessClaims | TokenFault> };
  /** Anything but "active" is why the session may not act; it is logged and not told. */
  sessions: { standing(claims: AccessClaims): Promise<"active" | (string & {})> };
  apiKeys: { callerOf(presented: string, now: string): Promise<ApiKeyCaller | ApiKeyFault> };
  access: {
    permissions: PermissionCatalogue;
    check(permission: string, caller: Caller, place: Place): Promise<Access | (Rejection & Grounds)>;
  };
  /** AUTH-25, RBAC-11: refusals, which become events later. */
  accessNotes: Pick<AccessNotes, "note">;
  /** ES-06: what this process wrote, and how far the read models are. */
  writes: OwnWrites;
  projected: Pick<Projected, "waitFor">;
  /** As the tenant of the context it is called in; errors where there is none. */
  readAsTenant: <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>;
  /** ISO 8601. */
  now: () => string;
};
