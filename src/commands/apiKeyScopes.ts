import { z } from "zod";
import { reaches, type WorkspaceRole } from "../domain/tenancy/roles.ts";
import { type Rejection, reject } from "../kernel/rejection.ts";
import { type Permission, permissions, type Requirement } from "./access.ts";

/**
 * Keys make no keys and let nobody in: what a key that leaked had made would outlive its revocation. And whoever makes
 * a workspace becomes its owner, which takes a person.
 */
const resourcesOfPersons: ReadonlySet<string> = new Set(["api_key", "invitation", "user"]);
const forPersons: ReadonlySet<string> = new Set<Permission>([
  "workspace:create",
  "member:write",
  "organization_member:write",
]);

const isPermission = (name: string): name is Permission => name in permissions;
const isLendable = (name: Permission): boolean => {
  const { tier } = permissions[name];
  const isOfPersons = forPersons.has(name) || resourcesOfPersons.has(name.split(":")[0] ?? name);
  return (tier === "organization" || tier === "workspace") && !isOfPersons;
};

/** What keys can be for: the names of the catalogue that a service can do something with. */
export const lendable: readonly Permission[] = Object.keys(permissions).filter(isPermission).filter(isLendable);

const ApiKeyScope = z.enum(lendable);
export const ApiKeyScopes = z.array(ApiKeyScope).min(1).max(lendable.length);

/** Each once, in the order of the alphabet, however they were given. */
export const inOrder = (scopes: readonly string[]): string[] => [...new Set(scopes)].sort();

/** A scope that could never be used is a mistake of whoever asks for it. */
export const beyondKey = (
  scopes: readonly Permission[],
  { role, workspaceId }: { role: WorkspaceRole; workspaceId: string | null },
): Rejection | undefined => {
  const beyond = scopes.filter((scope) => {
    const required: Requirement = permissions[scope];
    if (required.tier === "organization") return workspaceId !== null || !reaches(role, required.role);
    return required.tier !== "workspace" || !reaches(role, required.role);
  });
  if (beyond.length === 0) return undefined;
  const message = "These scopes need a higher role, or a key that is not bound to a workspace.";
  return reject("unprocessable", "SCOPE_BEYOND_KEY", message, { scopes: beyond });
};
