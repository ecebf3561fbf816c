import { z } from "zod";

/** Lowest first: a role may do all that the ones before it may. */
export const WorkspaceRole = z.enum(["viewer", "member", "admin", "owner"]);
export type WorkspaceRole = z.output<typeof WorkspaceRole>;

export const OrganizationRole = z.enum(["viewer", "member", "admin"]);
export type OrganizationRole = z.output<typeof OrganizationRole>;

/** RBAC-01: access is given iff the rank of the role held is at least the rank of the role needed. */
export const reaches = (held: WorkspaceRole, needed: WorkspaceRole): boolean => rank(held) >= rank(needed);

const rank = (role: WorkspaceRole): number => WorkspaceRole.options.indexOf(role);
