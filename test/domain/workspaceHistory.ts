import type { WorkspaceRole } from "../../src/domain/tenancy/roles.ts";
import type { workspace } from "../../src/domain/tenancy/workspace.ts";
import type { EventOf } from "../../src/kernel/decider.ts";
import { facts, id } from "../spec.ts";

type WorkspaceEvent = EventOf<typeof workspace.events>;

export const workspaceId = id("wonderland");
export const inWorkspace = { workspaceId, organizationId: id("acme") };
export const createdAt = "2026-02-01T00:00:00.000Z";
export const joinedAt = "2026-02-02T00:00:00.000Z";

/** Ada's. */
export const created: WorkspaceEvent = {
  type: "WorkspaceCreated",
  data: {
    ...inWorkspace,
    name: "Wonderland",
    slug: "wonderland",
    planType: "free",
    ownerId: id("ada"),
    createdAt,
  },
};
export const renamed = (name: string): WorkspaceEvent => ({ type: "WorkspaceRenamed", data: { ...inWorkspace, name } });
export const deleted: WorkspaceEvent = { type: "WorkspaceDeleted", data: inWorkspace };
export const added = (person: string, role: WorkspaceRole, when = joinedAt): WorkspaceEvent => ({
  type: "MemberAdded",
  data: { ...inWorkspace, userId: id(person), role, invitedAt: when, acceptedAt: when },
});
export const removed = (person: string): WorkspaceEvent => ({
  type: "MemberRemoved",
  data: { ...inWorkspace, userId: id(person) },
});
export const roleChanged = (person: string, role: WorkspaceRole): WorkspaceEvent => ({
  type: "MemberRoleChanged",
  data: { ...inWorkspace, userId: id(person), role },
});
export const invitation = (role: WorkspaceRole) => ({
  invitationId: id("invitation"),
  emailClaimId: id("grace@example.com"),
  email: "grace@example.com",
  role,
});
export const invited = (role: WorkspaceRole): WorkspaceEvent => ({
  type: "MemberInvited",
  data: { ...inWorkspace, ...invitation(role), invitedAt: facts.now },
});
export const invitedAs = (email: string): WorkspaceEvent => ({
  type: "MemberInvited",
  data: { ...inWorkspace, ...invitation("viewer"), email, emailClaimId: id(email), invitedAt: facts.now },
});
export const when = (time: string) => ({ invitedAt: time, acceptedAt: time });
/** As many as the organization's quota allows, in tests that are not about it. */
export const room = { membersMax: 1_000 };
export const limit = { quota: "maxMembersPerWorkspace", limit: 1_000, used: 1_000 };

export const member = (person: string) => ({ workspaceId, userId: id(person) });
export const withRole = (person: string, role: WorkspaceRole) => ({ ...member(person), role });
export const joining = (person: string, role: WorkspaceRole) => ({ ...withRole(person, role), ...room });
