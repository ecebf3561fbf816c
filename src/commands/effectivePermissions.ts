import { activeRole } from "../domain/tenancy/organization.ts";
import { isThere } from "../domain/tenancy/workspace.ts";
import { isRejection } from "../kernel/rejection.ts";
import { accessControl, judge, type Permission, permissions, type Requirement, type Standing } from "./access.ts";
import type { Handler } from "./handler.ts";

export type EffectivePermissions = {
  organizationId: string;
  workspaceId: string | null;
  platformRole: "user" | "system_admin";
  organizationRole: string | null;
  workspaceRole: string | null;
  permissions: Permission[];
};

/** RBAC-10: what the caller may do here, as each route would decide it; null where the place is not theirs to see. */
export const effectivePermissions =
  (handler: Pick<Handler, "stateOf">) =>
  async (
    caller: { userId: string; organizationId: string },
    workspaceId: string | undefined,
  ): Promise<EffectivePermissions | null> => {
    const standing = await accessControl(handler).standingOf(caller, { workspaceId });
    const inside = standing.workspace?.state;
    if (inside && (!isThere(inside) || !isSeen(standing, inside.organizationId))) return null;
    return {
      organizationId: standing.organizationId,
      workspaceId: workspaceId ?? null,
      platformRole: standing.isSystemAdmin ? "system_admin" : "user",
      organizationRole: activeRole(standing.organization, caller.userId) ?? null,
      workspaceRole: (inside && isThere(inside) && inside.members.get(caller.userId)?.role) || null,
      permissions: everyPermission.filter((permission) => isGranted(permissions[permission], standing)),
    };
  };

const isPermission = (name: string): name is Permission => name in permissions;
const everyPermission = Object.keys(permissions).filter(isPermission);

const isSeen = ({ caller, isSystemAdmin }: Standing, organizationId: string): boolean =>
  isSystemAdmin || organizationId === caller.organizationId;

const isGranted = (required: Requirement, standing: Standing): boolean => {
  if (required.tier === "public" || required.tier === "account") return true;
  if (required.tier === "workspace" && !standing.workspace) return false;
  return !isRejection(judge(required, standing));
};
