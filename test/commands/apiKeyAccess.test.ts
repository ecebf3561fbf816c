import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { accessControl, type Lent, type Permission, permissions, type Requirement } from "../../src/commands/access.ts";
import { user } from "../../src/domain/accounts/user.ts";
import { organization } from "../../src/domain/tenancy/organization.ts";
import { OrganizationRole, reaches, WorkspaceRole } from "../../src/domain/tenancy/roles.ts";
import { workspace } from "../../src/domain/tenancy/workspace.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { founded, inactive, memberAdded } from "../domain/organizationHistory.ts";
import { added, created } from "../domain/workspaceHistory.ts";
import { id, streams } from "../spec.ts";

const [acme, wonderland, bob] = [id("acme"), id("wonderland"), id("bob")];
const isPermission = (name: string): name is Permission => name in permissions;
const requirementOf = (permission: Permission): Requirement => permissions[permission];
const inTiers = (...tiers: string[]) =>
  Object.keys(permissions)
    .filter(isPermission)
    .filter((name) => tiers.includes(requirementOf(name).tier));
const tenantPermissions = inTiers("organization", "workspace");

type Roles = { inOrganization: OrganizationRole | null; inWorkspace: WorkspaceRole | null; isSystemAdmin?: boolean };
/** Ada's Acme and its workspace, and Bob, who vouches for the key, with these roles in them. */
const world = ({ inOrganization, inWorkspace, isSystemAdmin = false }: Roles, isInactive = false) =>
  accessControl(
    streams(
      [
        user,
        bob,
        [
          {
            type: "UserRegistered",
            data: { userId: bob, organizationId: acme, email: "bob@example.com", name: "Bob", passwordHash: "" },
          },
          ...(isSystemAdmin ? [{ type: "UserPlatformRoleChanged", data: { userId: bob, role: "system_admin" } }] : []),
        ],
      ],
      [
        organization,
        acme,
        [founded, ...(inOrganization ? [memberAdded("bob", inOrganization)] : []), ...(isInactive ? [inactive] : [])],
      ],
      [workspace, wonderland, [created, ...(inWorkspace ? [added("bob", inWorkspace)] : [])]],
    ),
  );

const inside = { workspaceId: wonderland };
const placeOf = (permission: Permission) => (permissions[permission].tier === "workspace" ? inside : {});
const codeOf = (outcome: object): string => (isRejection(outcome) ? outcome.code : "granted");
const keyWith = (over: Partial<Lent> = {}): Lent => ({
  role: "owner",
  scopes: tenantPermissions,
  workspaceId: null,
  ...over,
});
const decided = async (permission: Permission, roles: Roles, key?: Lent, organizationId = acme, isInactive = false) =>
  codeOf(await world(roles, isInactive).check(permission, { userId: bob, organizationId, key }, placeOf(permission)));

const maybe = <T>(options: readonly T[]) => fc.constantFrom(null, ...options);
const roles = fc.record({ inOrganization: maybe(OrganizationRole.options), inWorkspace: maybe(WorkspaceRole.options) });

test("KEY-02 RBAC-01 (P): a key may exactly what its scopes name, its role reaches and its voucher may", () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...tenantPermissions),
      fc.constantFrom(...WorkspaceRole.options),
      fc.subarray(tenantPermissions),
      roles,
      async (permission, role, scopes, held) => {
        const required = requirementOf(permission);
        if (!("role" in required)) throw new Error("a permission of a tenant has a role");
        const ofVoucher = await decided(permission, held);
        const ofKey = await decided(permission, held, keyWith({ role, scopes }));
        if (!scopes.includes(permission)) expect(ofKey).toBe("MISSING_SCOPE");
        else if (!reaches(role, required.role)) expect(ofKey).toBe("FORBIDDEN");
        else expect(ofKey).toBe(ofVoucher);
      },
    ),
    { numRuns: 1_000 },
  ));

test("KEY-01 TEN-11 (P): a key is nobody in another organization, and in another workspace than its own", () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...inTiers("workspace")),
      roles,
      fc.boolean(),
      async (permission, held, isAdmin) => {
        const asked = { ...held, isSystemAdmin: isAdmin };
        expect(await decided(permission, asked, keyWith(), id("another"))).toBe("RESOURCE_NOT_FOUND");
        const bound = keyWith({ workspaceId: id("looking-glass") });
        expect(await decided(permission, asked, bound)).toBe("RESOURCE_NOT_FOUND");
      },
    ),
    { numRuns: 300 },
  ));

describe("a key that a system admin vouches for", () => {
  const admin: Roles = { inOrganization: null, inWorkspace: null, isSystemAdmin: true };

  test("KEY-02: may all in its organization that it was lent", async () => {
    for (const permission of tenantPermissions) expect(await decided(permission, admin, keyWith())).toBe("granted");
  });

  test("KEY-02: and rests with the organization, as its voucher does not", async () => {
    expect(await decided("credits:debit", admin, undefined, acme, true)).toBe("granted");
    expect(await decided("credits:debit", admin, keyWith(), acme, true)).toBe("ORGANIZATION_INACTIVE");
  });
});

test("KEY-02: nothing of an account or of the platform can be lent", async () => {
  const scopes = Object.keys(permissions);
  for (const permission of inTiers("account", "platform"))
    expect([
      permission,
      await decided(
        permission,
        { inOrganization: "admin", inWorkspace: "owner", isSystemAdmin: true },
        keyWith({ scopes }),
      ),
    ]).toEqual([permission, "PERSON_REQUIRED"]);
});
