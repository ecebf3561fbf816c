import { z } from "zod";

/** AUD-01, AUTH-25: what a record says was done. */
export const AuditAction = z.enum([
  "CREATE",
  "UPDATE",
  "DELETE",
  "READ",
  "LOGIN",
  "LOGIN_FAILED",
  "LOGOUT",
  "REFRESH",
  "REFRESH_REUSED",
  "SWITCH",
  "DENIED",
]);
export type AuditAction = z.output<typeof AuditAction>;

const named: Readonly<Record<string, AuditAction>> = {
  SessionStarted: "LOGIN",
  SignInFailed: "LOGIN_FAILED",
  SessionEnded: "LOGOUT",
  UserSessionsRevoked: "LOGOUT",
  RefreshTokenRotated: "REFRESH",
  RefreshTokenReused: "REFRESH_REUSED",
  OrganizationSwitched: "SWITCH",
  AccessDenied: "DENIED",
  CredentialUsed: "READ",
};

const creates =
  /(Created|Added|Registered|Stored|Claimed|Opened|Invited|Issued|Placed|Admitted|Reserved|Sealed|Requested)$/;
const deletes = /(Deleted|Removed|Released|Closed|Revoked|Erased|Withdrawn)$/;

/** An event is named after what happened, so its name tells: what neither begins nor ends something changes it. */
export const auditActionOf = (eventType: string): AuditAction => {
  const known = Object.hasOwn(named, eventType) ? named[eventType] : undefined;
  if (known) return known;
  if (creates.test(eventType)) return "CREATE";
  return deletes.test(eventType) ? "DELETE" : "UPDATE";
};
