import { user } from "../domain/accounts/user.ts";
import { activeRole, isPresent, type Organization, organization } from "../domain/tenancy/organization.ts";
import { type OrganizationRole, reaches, type WorkspaceRole } from "../domain/tenancy/roles.ts";
import { isThere, type Workspace, workspace } from "../domain/tenancy/workspace.ts";
import { type Rejection, type RejectionKind, reject } from "../kernel/rejection.ts";
import type { Handler } from "./handler.ts";

/**
 * Who may pass: anybody, any account, who runs the platform, or who has at least this role in the organization or the
 * workspace. `whileInactive` holds for admins of an organization that is not active, and in a workspace that is not;
 * `reads` in one that is archived, too.
 */
export type Requirement =
  | { tier: "public" }
  | { tier: "account" }
  | { tier: "platform" }
  | { tier: "organization"; role: OrganizationRole; whileInactive?: true }
  | { tier: "workspace"; role: WorkspaceRole; orOrganizationAdmin?: true; whileInactive?: true; reads?: true };

/** RBAC-05: `resource:action` → tier and least role. Every route names one of these. */
export const permissions = {
  public: { tier: "public" },
  "account:read": { tier: "account" },
  "account:write": { tier: "account" },
  "platform:admin": { tier: "platform" },
  "organization:list": { tier: "account" },
  "organization:create": { tier: "account" },
  "organization:read": { tier: "organization", role: "viewer", whileInactive: true },
  "organization:write": { tier: "organization", role: "admin" },
  "organization:admin": { tier: "organization", role: "admin" },
  "organization:status": { tier: "organization", role: "admin", whileInactive: true },
  "organization:delete": { tier: "organization", role: "admin" },
  "organization:plan": { tier: "platform" },
  "organization_member:read": { tier: "organization", role: "admin" },
  "organization_member:write": { tier: "organization", role: "admin" },
  "organization_member:delete": { tier: "organization", role: "admin" },
  "invitation:read": { tier: "organization", role: "admin" },
  "invitation:write": { tier: "organization", role: "admin" },
  "usage:read": { tier: "organization", role: "admin" },
  "audit:read": { tier: "organization", role: "admin" },
  "api_key:read": { tier: "organization", role: "admin" },
  "api_key:write": { tier: "organization", role: "admin" },
  "api_key:delete": { tier: "organization", role: "admin" },
  "repository:read": { tier: "organization", role: "viewer" },
  "repository:write": { tier: "organization", role: "member" },
  "repository:delete": { tier: "organization", role: "admin" },
  "job:read": { tier: "organization", role: "viewer" },
  "job:write": { tier: "organization", role: "member" },
  "workspace:list": { tier: "organization", role: "viewer" },
  "workspace:create": { tier: "organization", role: "member" },
  "workspace:read": { tier: "workspace", role: "viewer", whileInactive: true, reads: true },
  "workspace:write": { tier: "workspace", role: "admin" },
  "workspace:admin": { tier: "workspace", role: "admin", reads: true },
  "workspace:status": { tier: "workspace", role: "admin", whileInactive: true },
  // RBAC-07: the organization's admin may delete a workspace without owning it, but gets no hold of its billing.
  "workspace:delete": { tier: "workspace", role: "owner", orOrganizationAdmin: true, whileInactive: true },
  "member:read": { tier: "workspace", role: "member", reads: true },
  "member:write": { tier: "workspace", role: "admin" },
  "planning:read": { tier: "workspace", role: "viewer", reads: true },
  "planning:write": { tier: "workspace", role: "member" },
  "credential:read": { tier: "workspace", role: "member" },
  "credential:write": { tier: "workspace", role: "admin" },
  "credential:delete": { tier: "workspace", role: "admin" },
  "credits:read": { tier: "workspace", role: "member", reads: true },
  "credits:debit": { tier: "workspace", role: "member" },
  "credits:hold": { tier: "workspace", role: "member" },
  "credits:refund": { tier: "workspace", role: "owner" },
  "credits:grant": { tier: "workspace", role: "owner" },
  "credits:transfer": { tier: "workspace", role: "owner" },
  "credits:admin": { tier: "workspace", role: "owner" },
  "ledger:audit": { tier: "workspace", role: "admin", reads: true },
} as const satisfies Record<string, Requirement>;
export type Permission = keyof typeof permissions;

/** RBAC-04, RBAC-11: what decided, for the log. The role is the one the caller acts with; null where they have none. */
type Grounds = {
  tier: Requirement["tier"];
  role: WorkspaceRole | OrganizationRole | "system_admin" | null;
  reason: string;
};
type Access = Grounds & { organizationId: string | null; workspaceId: string | null };
type Denial = Rejection & Grounds;

/** All that a key may at most, whatever the person may who vouches for it. */
export type Lent = { role: WorkspaceRole; scopes: readonly string[]; workspaceId: string | null };
/** A person; or a key, and the person who vouches for it. */
export type Caller = { userId: string; organizationId: string; key?: Lent | undefined };
/** What the path names. */
export type Place = { organizationId?: string | undefined; workspaceId?: string | undefined };

/** All that a decision depends on: the caller, the place, and how both stand now. */
export type Standing = {
  caller: Caller;
  isSystemAdmin: boolean;
  /** The one in the path, or else the active one. */
  organizationId: string;
  organization: Organization;
  /** Where the path names one. */
  workspace: { id: string; state: Workspace } | null;
};

/**
 * decides on the current roles of user, organization and workspace, never on the token's. TEN-11: the token says
 * in which organization its bearer acts, and whatever belongs to another is as absent as what never was.
 */
export const accessControl = ({ stateOf }: Pick<Handler, "stateOf">) => {
  const standingOf = async (caller: Caller, place: Place): Promise<Standing> => {
    const { organizationId = caller.organizationId, workspaceId } = place;
    const [account, tenant, there] = await Promise.all([
      stateOf(user, caller.userId),
      stateOf(organization, organizationId),
      workspaceId === undefined ? undefined : stateOf(workspace, workspaceId),
    ]);
    const isSystemAdmin = account.state.status === "registered" && account.state.platformRole === "system_admin";
    return {
      caller,
      isSystemAdmin,
      organizationId,
      organization: tenant.state,
      workspace: workspaceId !== undefined && there ? { id: workspaceId, state: there.state } : null,
    };
  };

  const check = async (permission: Permission, caller: Caller, place: Place): Promise<Access | Denial> => {
    const required: Requirement = permissions[permission];
    const beyond = caller.key && beyondLent(permission, caller.key, place);
    if (beyond) return beyond;
    if (required.tier === "public" || required.tier === "account")
      return { ...grounds(required.tier, null, "signed_in"), organizationId: caller.organizationId, workspaceId: null };
    if (required.tier === "workspace" && place.workspaceId === undefined)
      throw new Error(`the permission ${permission} needs a workspace in the path`);
    return judge(required, await standingOf(caller, place));
  };

  return { check, standingOf };
};

/** RBAC-01, RBAC-04: platform, organization, workspace, in this order; the first that can decide does. */
export const judge = (required: Requirement, standing: Standing): Access | Denial => {
  const { caller, isSystemAdmin, organization: tenant, workspace: inside } = standing;
  const there = inside && isThere(inside.state) ? inside.state : null;
  const organizationId = there?.organizationId ?? standing.organizationId;
  const allow = (...[tier, role, reason]: Decided): Access => ({
    ...grounds(tier, role, reason),
    organizationId,
    workspaceId: inside?.id ?? null,
  });

  if (inside && !there) return absent("absent");
  if (isSystemAdmin && !caller.key && (there || isPresent(tenant)))
    return allow("platform", "system_admin", "system_admin");
  // A key that a system admin vouches for stays in its organization, as one that does all there.
  const role = isSystemAdmin ? "admin" : activeRole(tenant, caller.userId);
  if (organizationId !== caller.organizationId) return absent("other_organization");
  if (!role || !isPresent(tenant)) return absent("no_member");
  if (tenant.status === "INACTIVE" && !(required.tier === "organization" && required.whileInactive && role === "admin"))
    return blocked("ORGANIZATION_INACTIVE", "This organization is not active.", role);

  if (required.tier === "public" || required.tier === "account") return allow(required.tier, null, "signed_in");
  if (required.tier === "platform") return forbidden("platform", null, "no_system_admin", "system_admin");
  if (required.tier === "organization")
    return reaches(role, required.role)
      ? allow("organization", role, "organization_role")
      : forbidden("organization", role, "role_too_low", required.role);
  if (!there) return absent("absent");
  const own = isSystemAdmin ? "owner" : there.members.get(caller.userId)?.role;
  const isByOrganization = role === "admin" && (required.orOrganizationAdmin || reaches("admin", required.role));
  if (!isByOrganization && !(own && reaches(own, required.role)))
    return forbidden("workspace", own ?? null, own ? "role_too_low" : "no_membership", required.role);
  if (there.status === "INACTIVE" && !required.whileInactive)
    return blocked("WORKSPACE_INACTIVE", "This workspace is not active.", own ?? role);
  if (there.status === "ARCHIVED" && !required.reads && !required.whileInactive)
    return blocked("WORKSPACE_ARCHIVED", "This workspace is archived: nothing in it changes.", own ?? role);
  if (isByOrganization) return allow("organization", role, "organization_admin");
  return allow("workspace", own ?? null, "workspace_role");
};

/** KEY-02: asked before the place is looked at, so that a key learns nothing of what it has no scope for. */
const beyondLent = (permission: Permission, { role, scopes, workspaceId }: Lent, place: Place): Denial | undefined => {
  const required: Requirement = permissions[permission];
  const { tier } = required;
  if (tier !== "organization" && tier !== "workspace")
    return denied(
      "forbidden",
      "PERSON_REQUIRED",
      "This takes somebody who signs in.",
      {},
      grounds(tier, null, "a_key"),
    );
  if (!scopes.includes(permission)) {
    const because = grounds(tier, role, "missing_scope");
    return denied("forbidden", "MISSING_SCOPE", "The key has no scope for this.", { scope: permission }, because);
  }
  if (!reaches(role, required.role)) return forbidden(tier, role, "key_role_too_low", required.role);
  const isElsewhere = workspaceId !== null && workspaceId !== place.workspaceId;
  return isElsewhere ? absent("other_workspace") : undefined;
};

type Decided = [tier: Grounds["tier"], role: Grounds["role"], reason: string];
const grounds = (...[tier, role, reason]: Decided): Grounds => ({ tier, role, reason });

const denied = (kind: RejectionKind, code: string, message: string, details: object, because: Grounds): Denial => ({
  ...reject(kind, code, message, { ...details }),
  ...because,
});

const absent = (reason: string): Denial =>
  denied("missing", "RESOURCE_NOT_FOUND", "There is no such resource.", {}, grounds("organization", null, reason));
const forbidden = (...[tier, role, reason, required]: [...Decided, string]): Denial =>
  denied("forbidden", "FORBIDDEN", "Your role does not permit this.", { required }, grounds(tier, role, reason));
const blocked = (code: string, message: string, role: Grounds["role"]): Denial =>
  denied("forbidden", code, message, {}, grounds("organization", role, code.toLowerCase()));
