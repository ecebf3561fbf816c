import { describe, expect, test } from "vitest";
import { accessControl, type Permission, permissions } from "../../src/commands/access.ts";
import { organization } from "../../src/domain/tenancy/organization.ts";
import { OrganizationRole, reaches, WorkspaceRole } from "../../src/domain/tenancy/roles.ts";
import { workspace } from "../../src/domain/tenancy/workspace.ts";
import type { EventOf } from "../../src/kernel/decider.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { id, streams } from "../spec.ts";

const [acme, wonderland, otherWorkspace] = [id("acme"), id("wonderland"), id("looking-glass")];
const caller = { userId: id("bob"), organizationId: acme };

const acmeOf = (role: OrganizationRole | null): EventOf<typeof organization.events>[] => [
  {
    type: "OrganizationCreated",
    data: { organizationId: acme, name: "Acme", slug: "acme", isPersonal: false, createdBy: id("ada") },
  },
  ...(role
    ? [{ type: "OrganizationMemberAdded", data: { organizationId: acme, userId: id("bob"), role } } as const]
    : []),
];
const workspaceOf = (workspaceId: string, role: WorkspaceRole | null): EventOf<typeof workspace.events>[] => {
  const ids = { workspaceId, organizationId: acme };
  const createdAt = "2026-02-01T00:00:00.000Z";
  const named = { name: "Wonderland", slug: "wonderland", planType: "free", ownerId: id("ada"), createdAt } as const;
  const joined = { userId: id("bob"), invitedAt: createdAt, acceptedAt: createdAt };
  return [
    { type: "WorkspaceCreated", data: { ...ids, ...named } },
    ...(role ? [{ type: "MemberAdded", data: { ...ids, ...joined, role } } as const] : []),
  ];
};

/** Bob, with these roles in the organization and in its workspace; what he is let through with, or the refusal. */
const outcome = async (
  permission: Permission,
  { inOrganization = null, inWorkspace = null }: Roles,
  { to = wonderland, from = caller }: { to?: string | null; from?: typeof caller } = {},
) => {
  const store = streams(
    [organization, acme, acmeOf(inOrganization)],
    [workspace, wonderland, workspaceOf(wonderland, inWorkspace)],
    [workspace, otherWorkspace, workspaceOf(otherWorkspace, null)],
  );
  const access = await accessControl(store)(permission, from, to);
  return {
    verdict: isRejection(access) ? `${access.rejected} ${access.code}` : `${access.tier} ${access.role}`,
    access,
    store,
  };
};
type Roles = { inOrganization?: OrganizationRole | null; inWorkspace?: WorkspaceRole | null };

const missing = "missing RESOURCE_NOT_FOUND";
const forbidden = "forbidden FORBIDDEN";

/** Least workspace role of each permission, in the words of the requirements and not of the catalogue. */
const least = {
  "workspace:read": "viewer",
  "workspace:write": "admin",
  "workspace:delete": "owner",
  "member:read": "member",
  "member:write": "admin",
  "credential:read": "member",
  "credential:write": "admin",
  "credential:delete": "admin",
  "billing:read": "member",
  "billing:write": "member",
  "billing:admin": "owner",
  "ledger:read": "admin",
} as const satisfies Partial<Record<Permission, WorkspaceRole>>;
const inWorkspaces = Object.keys(least) as (keyof typeof least)[];
const organizationRoles = [null, ...OrganizationRole.options];
const workspaceRoles = [null, ...WorkspaceRole.options];

test("RBAC-05: the catalogue names no workspace permission beside these", () => {
  const workspaceTier = Object.entries(permissions).filter(([, { tier }]) => tier === "workspace");
  expect(workspaceTier.map(([permission]) => permission).toSorted()).toEqual(inWorkspaces.toSorted());
});

describe.each(inWorkspaces)("RBAC-01: %s", (permission) => {
  test.each(
    organizationRoles.flatMap((inOrganization) =>
      workspaceRoles.map((inWorkspace) => ({ inOrganization, inWorkspace })),
    ),
  )("for organization $inOrganization, workspace $inWorkspace", async ({ inOrganization, inWorkspace }) => {
    const { verdict } = await outcome(permission, { inOrganization, inWorkspace });
    const isDeletion = permission === "workspace:delete";
    if (inWorkspace && reaches(inWorkspace, least[permission])) expect(verdict).toBe(`workspace ${inWorkspace}`);
    else if (inOrganization === "admin" && (isDeletion || reaches("admin", least[permission])))
      expect(verdict).toBe("organization admin");
    else expect(verdict).toBe(inOrganization || inWorkspace ? forbidden : missing);
  });
});

describe("in words", () => {
  test.each<[string, Permission, Roles, string]>([
    ["RBAC-01: a viewer reads", "workspace:read", { inWorkspace: "viewer" }, "workspace viewer"],
    ["RBAC-13: a viewer does not debit", "billing:write", { inWorkspace: "viewer" }, forbidden],
    ["RBAC-13: a viewer stores no credential", "credential:write", { inWorkspace: "viewer" }, forbidden],
    ["RBAC-13: a member does not delete", "workspace:delete", { inWorkspace: "member" }, forbidden],
    ["RBAC-13: an admin does not delete", "workspace:delete", { inWorkspace: "admin" }, forbidden],
    ["RBAC-13: an admin has no hold of billing", "billing:admin", { inWorkspace: "admin" }, forbidden],
    ["RBAC-13: an owner has", "billing:admin", { inWorkspace: "owner" }, "workspace owner"],
    ["RBAC-03: who is of the organization only", "workspace:read", { inOrganization: "member" }, forbidden],
    [
      "RBAC-01: the organization's admin acts as admin",
      "member:write",
      { inOrganization: "admin" },
      "organization admin",
    ],
    [
      "RBAC-01: also as a viewer of the workspace",
      "member:write",
      { inOrganization: "admin", inWorkspace: "viewer" },
      "organization admin",
    ],
    ["RBAC-07: and may delete", "workspace:delete", { inOrganization: "admin" }, "organization admin"],
    ["RBAC-13: but never touches billing", "billing:admin", { inOrganization: "admin" }, forbidden],
    ["R-10: for who is of neither, it does not exist", "workspace:read", {}, missing],
  ])("%s", async (_, permission, roles, verdict) => expect((await outcome(permission, roles)).verdict).toBe(verdict));
});

describe("the place", () => {
  test("RBAC-02: the role that counts is the one in the workspace of the path", async () => {
    const roles: Roles = { inOrganization: "viewer", inWorkspace: "owner" };
    expect((await outcome("billing:admin", roles, { to: wonderland })).verdict).toBe("workspace owner");
    expect((await outcome("billing:admin", roles, { to: otherWorkspace })).verdict).toBe(forbidden);
  });

  test("R-10: a foreign workspace and one that never was are refused in the same words", async () => {
    const foreign = await outcome("workspace:read", {});
    const invented = await outcome("workspace:read", { inOrganization: "admin" }, { to: id("nowhere") });
    expect(foreign.access).toEqual(invented.access);
  });

  test("R-10: a deleted workspace is gone for its owner too", async () => {
    const ids = { workspaceId: wonderland, organizationId: acme };
    const store = streams([
      workspace,
      wonderland,
      [...workspaceOf(wonderland, "owner"), { type: "WorkspaceDeleted", data: ids }],
    ]);
    expect(await accessControl(store)("workspace:read", caller, wonderland)).toMatchObject({ rejected: "missing" });
  });

  test("R-13: the organization that counts is the workspace's, whichever the caller is active in", async () => {
    const from = { userId: id("bob"), organizationId: id("his-own") };
    expect((await outcome("member:write", { inOrganization: "admin" }, { from })).access).toEqual({
      tier: "organization",
      role: "admin",
      organizationId: acme,
      workspaceId: wonderland,
    });
  });

  test("who has the role in the workspace costs one state, and only others a second", async () => {
    const member = await outcome("billing:write", { inOrganization: "admin", inWorkspace: "member" });
    expect(member.store.read).toEqual([`workspace-${wonderland}`]);
    const admin = await outcome("billing:write", { inOrganization: "admin" });
    expect(admin.store.read).toEqual([`workspace-${wonderland}`, `organization-${acme}`]);
  });

  test("a workspace permission on a path without a workspace is a bug", () =>
    expect(outcome("workspace:read", { inWorkspace: "owner" }, { to: null })).rejects.toThrow("needs a workspace"));
});

describe("beside workspaces", () => {
  test.each<[OrganizationRole | null, string]>([
    ["admin", "organization admin"],
    ["member", "organization member"],
    ["viewer", forbidden],
    [null, forbidden],
  ])("RBAC-01: workspaces are created as %s of the active organization: %s", async (inOrganization, verdict) =>
    expect((await outcome("workspace:create", { inOrganization }, { to: null })).verdict).toBe(verdict),
  );

  test("in an organization that does not exist nobody creates any", async () => {
    const from = { userId: id("bob"), organizationId: id("nowhere") };
    expect((await outcome("workspace:create", { inOrganization: "admin" }, { from, to: null })).verdict).toBe(
      forbidden,
    );
  });

  test.each(["public", "account:read", "account:write", "workspace:list"] as const)(
    "%s asks for no role and reads no state",
    async (permission) => {
      const { access, store } = await outcome(permission, {}, { to: null });
      const tier = permissions[permission].tier;
      expect(access).toEqual({ tier, role: null, organizationId: acme, workspaceId: null });
      expect(store.read).toEqual([]);
    },
  );
});
