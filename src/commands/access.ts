import { organization } from "../domain/tenancy/organization.ts";
import { OrganizationRole, reaches, type WorkspaceRole } from "../domain/tenancy/roles.ts";
import { workspace } from "../domain/tenancy/workspace.ts";
import { type Rejection, reject } from "../kernel/rejection.ts";
import type { Handler } from "./handler.ts";

/** Who may pass: anybody, any account, or who has at least this role in the organization or workspace named. */
type Requirement =
  | { tier: "public" }
  | { tier: "account" }
  | { tier: "organization"; role: OrganizationRole }
  | { tier: "workspace"; role: WorkspaceRole; orOrganizationAdmin?: true };
type Tier<T extends Requirement["tier"]> = Extract<Requirement, { tier: T }>;

/** RBAC-05: `resource:action` → least role. Every route names one of these. */
export const permissions = {
  public: { tier: "public" },
  "account:read": { tier: "account" },
  "account:write": { tier: "account" },
  "workspace:list": { tier: "account" },
  "workspace:create": { tier: "organization", role: "member" },
  "workspace:read": { tier: "workspace", role: "viewer" },
  "workspace:write": { tier: "workspace", role: "admin" },
  // RBAC-07: the organization's admin may delete a workspace without owning it, but gets no hold of its billing.
  "workspace:delete": { tier: "workspace", role: "owner", orOrganizationAdmin: true },
  "member:read": { tier: "workspace", role: "member" },
  "member:write": { tier: "workspace", role: "admin" },
  "credential:read": { tier: "workspace", role: "member" },
  "credential:write": { tier: "workspace", role: "admin" },
  "credential:delete": { tier: "workspace", role: "admin" },
  "billing:read": { tier: "workspace", role: "member" },
  "billing:write": { tier: "workspace", role: "member" },
  "billing:admin": { tier: "workspace", role: "owner" },
  "ledger:read": { tier: "workspace", role: "admin" },
} as const satisfies Record<string, Requirement>;
export type Permission = keyof typeof permissions;

/** What a caller was let through with: RBAC-04 wants the deciding tier in the log. */
type Access = {
  tier: Requirement["tier"];
  role: WorkspaceRole | OrganizationRole | null;
  organizationId: string | null;
  workspaceId: string | null;
};

type Caller = { userId: string; organizationId: string };

/**
 * RBAC-01, R-10, R-13: decides on the current roles of workspace and organization, never on the token's. A workspace
 * of an organization the caller does not belong to is as absent as one that never was. Who has the role in the
 * workspace itself costs one state; only for others is the organization asked.
 */
export const accessControl = ({ stateOf }: Pick<Handler, "stateOf">) => {
  const roleInOrganization = async (id: string, userId: string): Promise<OrganizationRole | undefined> => {
    const { state } = await stateOf(organization, id);
    return state.status === "active" ? state.members.get(userId) : undefined;
  };

  const inOrganization = async (
    required: Tier<"organization">,
    { userId, organizationId }: Caller,
  ): Promise<Access | Rejection> => {
    const role = await roleInOrganization(organizationId, userId);
    if (!role || rankOf(role) < rankOf(required.role)) return forbidden(required.role);
    return { tier: "organization", role, organizationId, workspaceId: null };
  };

  const inWorkspace = async (
    required: Tier<"workspace">,
    { userId }: Caller,
    workspaceId: string,
  ): Promise<Access | Rejection> => {
    const { state } = await stateOf(workspace, workspaceId);
    if (state.status !== "active") return absent();
    const place = { organizationId: state.organizationId, workspaceId };
    const role = state.members.get(userId)?.role;
    if (role && reaches(role, required.role)) return { tier: "workspace", role, ...place };

    const organizationRole = await roleInOrganization(state.organizationId, userId);
    if (!role && !organizationRole) return absent();
    const isSufficient = required.orOrganizationAdmin || reaches("admin", required.role);
    if (organizationRole !== "admin" || !isSufficient) return forbidden(required.role);
    return { tier: "organization", role: "admin", ...place };
  };

  return async (permission: Permission, caller: Caller, workspaceId: string | null): Promise<Access | Rejection> => {
    const required: Requirement = permissions[permission];
    switch (required.tier) {
      case "public":
      case "account":
        return { tier: required.tier, role: null, organizationId: caller.organizationId, workspaceId: null };
      case "organization":
        return inOrganization(required, caller);
      case "workspace":
        if (!workspaceId) throw new Error(`the permission ${permission} needs a workspace in the path`);
        return inWorkspace(required, caller, workspaceId);
      default:
        return required satisfies never;
    }
  };
};

const rankOf = (role: OrganizationRole): number => OrganizationRole.options.indexOf(role);

const absent = (): Rejection => reject("missing", "RESOURCE_NOT_FOUND", "There is no such workspace.");
const forbidden = (required: string): Rejection =>
  reject("forbidden", "FORBIDDEN", "Your role does not permit this.", { required });
