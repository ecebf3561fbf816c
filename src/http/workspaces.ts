import type { workspaceCreation } from "../commands/workspaceCreation.ts";
import { MembershipView } from "../commands/workspaceMembers.ts";
import type { memberAddition, memberRemoval, memberRoleChange } from "../commands/workspaceMembership.ts";
import {
  ChangeWorkspaceSettings,
  DeleteWorkspace,
  RenameWorkspace,
  SetWorkspaceStatus,
  WorkspaceView,
} from "../commands/workspaces.ts";
import { organizations } from "../projections/organizations.ts";
import { membersOf, workspaceById, workspaceSettings, workspaces, workspacesOf } from "../projections/workspaces.ts";
import type { App } from "./binder.ts";
import { exampleIds, exampleTime } from "./examples.ts";

type WorkspaceOperations = {
  createWorkspace: ReturnType<typeof workspaceCreation>;
  addMember: ReturnType<typeof memberAddition>;
  changeMemberRole: ReturnType<typeof memberRoleChange>;
  removeMember: ReturnType<typeof memberRemoval>;
};

const inWorkspace = { workspaceId: exampleIds.workspace };
const ofMember = { ...inWorkspace, userId: exampleIds.member };
const growth = {
  id: exampleIds.workspace,
  name: "Growth",
  slug: "growth",
  planType: "free",
  organizationId: exampleIds.organization,
  status: "ACTIVE",
  role: "owner",
  createdAt: exampleTime,
} as const;
const settings = { description: "New markets", timeZone: "Europe/Berlin", language: "de" };
const member = { ...ofMember, role: "member", invitedAt: exampleTime, acceptedAt: exampleTime } as const;

export const workspaceRoutes = (app: App, operations: WorkspaceOperations): void => {
  app.command("POST", "/workspaces", operations.createWorkspace, {
    status: 201,
    example: { body: { name: growth.name }, data: growth },
  });
  app.list("/workspaces", {
    name: "ListWorkspaces",
    permission: "workspace:list",
    from: [workspaces, organizations],
    output: WorkspaceView,
    example: { data: growth },
    load: (read, { caller: { userId, organizationId }, access, query }) =>
      workspacesOf(read, { userId, organizationId, seesAll: access.tier === "platform" }, query),
  });
  app.query("/workspaces/:workspaceId", {
    name: "GetWorkspace",
    permission: "workspace:read",
    from: [workspaces, organizations],
    output: WorkspaceView,
    example: { params: inWorkspace, data: growth },
    load: async (read, { caller, params }) => (await workspaceById(read, params.workspaceId, caller.userId)) ?? null,
  });
  app.command("PUT", "/workspaces/:workspaceId", RenameWorkspace, {
    example: { params: inWorkspace, body: { name: "Growth Lab" }, data: { ...growth, name: "Growth Lab" } },
  });
  app.command("DELETE", "/workspaces/:workspaceId", DeleteWorkspace, {
    example: { params: inWorkspace, data: null },
  });
  app.command("PUT", "/workspaces/:workspaceId/status", SetWorkspaceStatus, {
    example: { params: inWorkspace, body: { status: "ARCHIVED" }, data: { ...growth, status: "ARCHIVED" } },
  });
  app.query("/workspaces/:workspaceId/settings", {
    name: "GetWorkspaceSettings",
    permission: "workspace:admin",
    from: [workspaces],
    output: ChangeWorkspaceSettings.output,
    example: { params: inWorkspace, data: settings },
    load: async (read, { params }) => (await workspaceSettings(read, params.workspaceId)) ?? null,
  });
  app.command("PUT", "/workspaces/:workspaceId/settings", ChangeWorkspaceSettings, {
    example: { params: inWorkspace, body: settings, data: settings },
  });

  app.list("/workspaces/:workspaceId/members", {
    name: "ListMembers",
    permission: "member:read",
    from: [workspaces],
    output: MembershipView,
    example: { params: inWorkspace, data: member },
    load: (read, { params, query }) => membersOf(read, params.workspaceId, query),
  });
  app.command("POST", "/workspaces/:workspaceId/members", operations.addMember, {
    status: 201,
    example: { params: inWorkspace, body: { email: "grace@example.com", role: "member" }, data: member },
  });
  app.command("PUT", "/workspaces/:workspaceId/members/:userId/role", operations.changeMemberRole, {
    hasRevision: true,
    example: { params: ofMember, body: { role: "admin" }, data: { ...member, role: "admin" } },
  });
  app.command("DELETE", "/workspaces/:workspaceId/members/:userId", operations.removeMember, {
    hasRevision: true,
    example: { params: ofMember, data: null },
  });
};
