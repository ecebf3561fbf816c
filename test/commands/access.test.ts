import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  accessControl,
  type Permission,
  type Place,
  permissions,
  type Requirement,
} from "../../src/commands/access.ts";
import { effectivePermissions } from "../../src/commands/effectivePermissions.ts";
import { user } from "../../src/domain/accounts/user.ts";
import { organization } from "../../src/domain/tenancy/organization.ts";
import { OrganizationRole, reaches, WorkspaceRole } from "../../src/domain/tenancy/roles.ts";
import { workspace } from "../../src/domain/tenancy/workspace.ts";
import type { EventOf } from "../../src/kernel/decider.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { deactivated, founded, gone, inactive, memberAdded, memberRemoved } from "../domain/organizationHistory.ts";
import { added, created, deleted, inWorkspace } from "../domain/workspaceHistory.ts";
import { id, streams } from "../spec.ts";

const [acme, wonderland, otherWorkspace, bob] = [id("acme"), id("wonderland"), id("looking-glass"), id("bob")];
const caller = { userId: bob, organizationId: acme };
const inside: Place = { workspaceId: wonderland };
const atAcme: Place = { organizationId: acme };

type Roles = { inOrganization?: OrganizationRole | null; inWorkspace?: WorkspaceRole | null; isSystemAdmin?: boolean };
type Told = {
  place?: Place;
  from?: typeof caller;
  later?: readonly EventOf<typeof organization.events>[];
  thenInside?: readonly EventOf<typeof workspace.events>[];
};

const account = (isSystemAdmin: boolean): EventOf<typeof user.events>[] => [
  {
    type: "UserRegistered",
    data: { userId: bob, organizationId: id("his own"), email: "bob@example.com", name: "Bob", passwordHash: "" },
  },
  ...(isSystemAdmin ? [{ type: "UserPlatformRoleChanged", data: { userId: bob, role: "system_admin" } } as const] : []),
];

/** Ada's Acme with two workspaces, and Bob with these roles in it. */
const world = ({ inOrganization = null, inWorkspace: role = null, isSystemAdmin = false }: Roles, told: Told = {}) =>
  streams(
    [user, bob, account(isSystemAdmin)],
    [
      organization,
      acme,
      [founded, ...(inOrganization ? [memberAdded("bob", inOrganization)] : []), ...(told.later ?? [])],
    ],
    [workspace, wonderland, [created, ...(role ? [added("bob", role)] : []), ...(told.thenInside ?? [])]],
    [
      workspace,
      otherWorkspace,
      [{ ...created, data: { ...created.data, workspaceId: otherWorkspace } } as typeof created],
    ],
  );

const outcome = async (permission: Permission, roles: Roles, told: Told = {}) => {
  const store = world(roles, told);
  const place = told.place ?? (permissions[permission].tier === "workspace" ? inside : {});
  const access = await accessControl(store).check(permission, told.from ?? caller, place);
  const verdict = isRejection(access) ? `${access.rejected} ${access.code}` : `${access.tier} ${access.role}`;
  return { verdict, access, reason: access.reason, store };
};
const verdict = async (permission: Permission, roles: Roles, told: Told = {}): Promise<string> =>
  (await outcome(permission, roles, told)).verdict;

const missing = "missing RESOURCE_NOT_FOUND";
const forbidden = "forbidden FORBIDDEN";

/** Least workspace role of each permission, in the words of the requirements and not of the catalogue. */
const least = {
  "workspace:read": "viewer",
  "workspace:write": "admin",
  "workspace:admin": "admin",
  "workspace:status": "admin",
  "workspace:delete": "owner",
  "member:read": "member",
  "member:write": "admin",
  "credential:read": "member",
  "credential:write": "admin",
  "credential:delete": "admin",
  "credits:read": "member",
  "credits:debit": "member",
  "credits:hold": "member",
  "credits:refund": "owner",
  "credits:grant": "owner",
  "credits:transfer": "owner",
  "credits:admin": "owner",
  "ledger:audit": "admin",
  "planning:read": "viewer",
  "planning:write": "member",
} as const satisfies Partial<Record<Permission, WorkspaceRole>>;
const inWorkspaces = Object.keys(least) as (keyof typeof least)[];

test("RBAC-05: the catalogue names no workspace permission beside these", () => {
  const workspaceTier = Object.entries(permissions).filter(([, { tier }]) => tier === "workspace");
  expect(workspaceTier.map(([permission]) => permission).toSorted()).toEqual(inWorkspaces.toSorted());
});

const maybe = <T>(options: readonly T[]) => fc.constantFrom(null, ...options);

test("RBAC-01 RBAC-07: the effective role is the highest of the three tiers, and decides alone", () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...inWorkspaces),
      maybe(OrganizationRole.options),
      maybe(WorkspaceRole.options),
      fc.boolean(),
      async (permission, inOrganization, inWorkspace, isSystemAdmin) => {
        const told = await verdict(permission, { inOrganization, inWorkspace, isSystemAdmin });
        const isByOrganization = permission === "workspace:delete" || reaches("admin", least[permission]);
        const isEnough = inWorkspace !== null && reaches(inWorkspace, least[permission]);
        if (isSystemAdmin) expect(told).toBe("platform system_admin");
        else if (!inOrganization) expect(told).toBe(missing);
        else if (inOrganization === "admin" && isByOrganization) expect(told).toBe("organization admin");
        else expect(told).toBe(isEnough ? `workspace ${inWorkspace}` : forbidden);
      },
    ),
    { numRuns: 1_000 },
  ));

test("RBAC-12: a role in one workspace gives nothing in another of the same organization", () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...inWorkspaces),
      fc.constantFrom(...WorkspaceRole.options),
      async (permission, role) => {
        const roles: Roles = { inOrganization: "member", inWorkspace: role };
        expect(await verdict(permission, roles, { place: { workspaceId: otherWorkspace } })).toBe(forbidden);
      },
    ),
    { numRuns: 200 },
  ));

describe("in words", () => {
  const viewer = { inOrganization: "viewer" } as const;
  test.each<[string, Permission, Roles, string]>([
    ["RBAC-01: a viewer reads", "workspace:read", { ...viewer, inWorkspace: "viewer" }, "workspace viewer"],
    ["RBAC-13: a viewer does not debit", "credits:debit", { ...viewer, inWorkspace: "viewer" }, forbidden],
    ["RBAC-13: a viewer stores no credential", "credential:write", { ...viewer, inWorkspace: "viewer" }, forbidden],
    ["RBAC-13: a member does not delete", "workspace:delete", { ...viewer, inWorkspace: "member" }, forbidden],
    ["RBAC-13: an admin does not delete", "workspace:delete", { ...viewer, inWorkspace: "admin" }, forbidden],
    ["RBAC-13: an admin has no hold of billing", "credits:admin", { ...viewer, inWorkspace: "admin" }, forbidden],
    ["RBAC-13: an owner has", "credits:admin", { ...viewer, inWorkspace: "owner" }, "workspace owner"],
    ["RBAC-03: who is of the organization only", "workspace:read", { inOrganization: "member" }, forbidden],
    ["RBAC-01: the organization's admin", "member:write", { inOrganization: "admin" }, "organization admin"],
    ["RBAC-07: may delete", "workspace:delete", { inOrganization: "admin" }, "organization admin"],
    ["RBAC-13: but never touches billing", "credits:admin", { inOrganization: "admin" }, forbidden],
    ["R-10: who is of neither finds nothing", "workspace:read", {}, missing],
    ["RBAC-07: a member creates workspaces", "workspace:create", { inOrganization: "member" }, "organization member"],
    ["RBAC-07: a viewer does not", "workspace:create", { inOrganization: "viewer" }, forbidden],
    ["ORG-07: a member manages nobody", "organization_member:write", { inOrganization: "member" }, forbidden],
    ["QUO-01: an admin sets no quotas", "organization:plan", { inOrganization: "admin" }, forbidden],
    ["QUO-01: a system admin does", "organization:plan", { isSystemAdmin: true }, "platform system_admin"],
  ])("%s", async (_, permission, roles, told) => expect(await verdict(permission, roles)).toBe(told));

  test("RBAC-04 RBAC-11: what decided is told, and why", async () => {
    const reason = async (...asked: Parameters<typeof outcome>) => (await outcome(...asked)).reason;
    expect(await reason("workspace:read", { isSystemAdmin: true })).toBe("system_admin");
    expect(await reason("workspace:read", { inOrganization: "admin" })).toBe("organization_admin");
    expect(await reason("workspace:read", { inOrganization: "viewer", inWorkspace: "viewer" })).toBe("workspace_role");
    expect(await reason("workspace:read", { inOrganization: "viewer" })).toBe("no_membership");
    expect(await reason("workspace:write", { inOrganization: "viewer", inWorkspace: "viewer" })).toBe("role_too_low");
    expect(await reason("workspace:read", {})).toBe("no_member");
  });
});

describe("the active organization", () => {
  const elsewhere = { userId: bob, organizationId: id("his own") };

  test("R-10 AUTH-26: what is in another is as absent as what never was, whatever role is held there", async () => {
    const admin: Roles = { inOrganization: "admin", inWorkspace: "owner" };
    for (const told of [{ place: inside }, { place: { workspaceId: id("nowhere") } }])
      expect(await verdict("workspace:read", admin, { ...told, from: elsewhere })).toBe(missing);
    expect(await verdict("organization:read", admin, { place: atAcme, from: elsewhere })).toBe(missing);
    const foreign = await outcome("workspace:read", admin, { from: elsewhere });
    const never = await outcome("workspace:read", admin, { place: { workspaceId: id("nowhere") } });
    const { reason: _, ...told } = foreign.access;
    expect(never.access).toMatchObject(told);
  });

  test("RBAC-07: binds no system admin, who still finds nothing where nothing is", async () => {
    const told = { from: elsewhere };
    expect(await verdict("workspace:read", { isSystemAdmin: true }, told)).toBe("platform system_admin");
    expect(await verdict("organization:read", { isSystemAdmin: true }, { ...told, place: atAcme })).toBe(
      "platform system_admin",
    );
    expect(await verdict("workspace:read", { isSystemAdmin: true }, { thenInside: [deleted] })).toBe(missing);
    expect(await verdict("organization:read", { isSystemAdmin: true }, { later: [gone], place: atAcme })).toBe(missing);
  });

  test("RBAC-09: who was removed or deactivated finds nothing, whatever they were in its workspaces", async () => {
    const owner: Roles = { inOrganization: "member", inWorkspace: "owner" };
    for (const then of [[memberRemoved("bob")], [deactivated("bob")]]) {
      expect(await verdict("workspace:read", owner, { later: then })).toBe(missing);
      expect(await verdict("workspace:list", owner, { later: then })).toBe(missing);
    }
  });

  test("ORG-06: one that is inactive is read and made active again by its admin, and that is all", async () => {
    const told = { later: [inactive] };
    const blocked = "forbidden ORGANIZATION_INACTIVE";
    const asAdmin = (permission: Permission) =>
      verdict(permission, { inOrganization: "admin", inWorkspace: "owner" }, told);
    const open = ["organization:read", "organization:status"];
    for (const [permission, { tier }] of Object.entries(permissions) as [Permission, Requirement][])
      if (tier === "organization" || tier === "workspace")
        expect([permission, await asAdmin(permission)]).toEqual([
          permission,
          open.includes(permission) ? "organization admin" : blocked,
        ]);
    expect(await verdict("organization:read", { inOrganization: "member" }, told)).toBe(blocked);
  });

  test("R-11: one that is deleted is gone, and all that is in it", async () => {
    const admin: Roles = { inOrganization: "admin", inWorkspace: "owner" };
    expect(await verdict("organization:read", admin, { later: [gone] })).toBe(missing);
    expect(await verdict("workspace:read", admin, { later: [gone] })).toBe(missing);
  });
});

describe("the workspace", () => {
  const owner: Roles = { inOrganization: "member", inWorkspace: "owner" };
  const becoming = (status: "INACTIVE" | "ARCHIVED") => ({
    thenInside: [{ type: "WorkspaceStatusChanged", data: { ...inWorkspace, status } } as const],
  });

  test("R-10: deleted, it is gone for its owner too", async () =>
    expect(await verdict("workspace:read", owner, { thenInside: [deleted] })).toBe(missing));

  test("WS-14: nobody works in one that is inactive", async () => {
    const told = becoming("INACTIVE");
    for (const permission of ["workspace:read", "workspace:status", "workspace:delete"] as const)
      expect(await verdict(permission, owner, told)).toBe("workspace owner");
    for (const permission of ["credits:read", "credits:debit", "member:write", "ledger:audit"] as const)
      expect(await verdict(permission, owner, told)).toBe("forbidden WORKSPACE_INACTIVE");
  });

  test("WS-14: nothing changes in one that is archived", async () => {
    const told = becoming("ARCHIVED");
    for (const permission of ["workspace:read", "credits:read", "ledger:audit", "workspace:status"] as const)
      expect(await verdict(permission, owner, told)).toBe("workspace owner");
    for (const permission of ["credits:debit", "member:write", "workspace:write"] as const)
      expect(await verdict(permission, owner, told)).toBe("forbidden WORKSPACE_ARCHIVED");
    expect(await verdict("credits:debit", { inOrganization: "member", inWorkspace: "viewer" }, told)).toBe(forbidden);
  });

  test("a workspace permission on a path without a workspace is a bug", () =>
    expect(outcome("workspace:read", owner, { place: {} })).rejects.toThrow("needs a workspace"));
});

test.each(["public", "account:read", "account:write", "organization:list", "organization:create"] as const)(
  "%s asks for no role and reads no state",
  async (permission) => {
    const { access, store } = await outcome(permission, {});
    expect(access).toMatchObject({ tier: permissions[permission].tier, role: null, organizationId: acme });
    expect(store.read).toEqual([]);
  },
);

describe("effective permissions", () => {
  const held = (roles: Roles, workspaceId?: string) => effectivePermissions(world(roles))(caller, workspaceId);

  test("RBAC-10: are those each route would grant", async () => {
    const viewer = await held({ inOrganization: "member", inWorkspace: "viewer" }, wonderland);
    expect(viewer).toMatchObject({ organizationRole: "member", workspaceRole: "viewer", platformRole: "user" });
    expect(viewer?.permissions).toContain("workspace:create");
    expect(viewer?.permissions.filter((each) => each in least)).toEqual(["workspace:read", "planning:read"]);
    const everything = await held({ isSystemAdmin: true }, wonderland);
    expect(everything?.permissions.toSorted()).toEqual(Object.keys(permissions).toSorted());
  });

  test("RBAC-10: name none of a workspace where none is asked for, and are none of a foreign one", async () => {
    const admin = await held({ inOrganization: "admin" });
    expect(admin?.permissions.filter((each) => each in least)).toEqual([]);
    expect(await held({ inOrganization: "admin" }, id("nowhere"))).toBeNull();
  });
});
