import { z } from "zod";
import { reaches, WorkspaceRole } from "../domain/tenancy/roles.ts";
import {
  isInvited,
  isLastOwner,
  isThere,
  type PresentWorkspace,
  placesTaken,
  type Workspace,
  workspace,
} from "../domain/tenancy/workspace.ts";
import { command } from "../kernel/decider.ts";
import { type Rejection, reject } from "../kernel/rejection.ts";
import { Email } from "./accounts.ts";
import { quotaExceeded } from "./organizations.ts";
import { InWorkspace, inWorkspace, isOwner, present, whileThere } from "./workspaces.ts";

/** `userId` and `acceptedAt` are null while the address invited has no account. */
export const MembershipView = z.object({
  userId: z.uuid().nullable(),
  workspaceId: z.uuid(),
  role: WorkspaceRole,
  invitedAt: z.iso.datetime(),
  acceptedAt: z.iso.datetime().nullable(),
});

/** RBAC-07: a system admin gives and takes ownership as an owner does. Looked up before, and nobody's to say. */
const ByPlatform = { byPlatform: z.boolean().optional() };
/** WS-10: how many members a workspace may have is its organization's quota, and looked up before. */
const MembersMax = { membersMax: z.int().nonnegative() };

export const AddMember = command(workspace, {
  name: "AddMember",
  permission: "member:write",
  input: InWorkspace.extend({
    ...MembersMax,
    ...ByPlatform,
    userId: z.uuid(),
    role: WorkspaceRole,
    emailClaimId: z.uuid().optional(),
  }),
  output: MembershipView,
  stream: inWorkspace,
  decide: ({ workspaceId, membersMax, byPlatform, ...added }, current, { now, actor }) =>
    whileThere(current, (there) => {
      const { userId, role, emailClaimId } = added;
      if (there.members.has(userId))
        return reject("conflict", "MEMBER_EXISTS", "This user is a member of the workspace.", { userId });
      if (role === "owner" && !isOwner(there, actor) && !byPlatform) return ownerRequired();
      const isAwaited = emailClaimId !== undefined && isInvited(there, emailClaimId, now);
      const full = isAwaited ? undefined : fullOfMembers(there, membersMax, now);
      if (full) return full;
      const { organizationId } = there;
      const since = { invitedAt: now, acceptedAt: now };
      return [{ type: "MemberAdded", data: { workspaceId, organizationId, ...added, ...since } }];
    }),
  answer: memberView,
});

/** Keeps a place for whoever is wanted; the same invitation keeps it for longer. */
export const InviteMember = command(workspace, {
  name: "InviteMember",
  permission: "member:write",
  input: InWorkspace.extend({
    ...MembersMax,
    ...ByPlatform,
    invitationId: z.uuid(),
    emailClaimId: z.uuid(),
    email: Email,
    role: WorkspaceRole,
    keptUntil: z.iso.datetime().optional(),
  }),
  output: MembershipView,
  stream: inWorkspace,
  decide: ({ workspaceId, membersMax, byPlatform, ...invitation }, current, { now, actor }) =>
    whileThere(current, (there) => {
      const isKept = isInvited(there, invitation.emailClaimId, now);
      if (isKept && there.invited.get(invitation.emailClaimId)?.invitationId !== invitation.invitationId)
        return reject("conflict", "MEMBER_EXISTS", "This address is invited to the workspace.");
      if (invitation.role === "owner" && !isOwner(there, actor) && !byPlatform) return ownerRequired();
      const { organizationId } = there;
      const full = isKept ? undefined : fullOfMembers(there, membersMax, now);
      return full ?? [{ type: "MemberInvited", data: { workspaceId, organizationId, ...invitation, invitedAt: now } }];
    }),
  answer: ({ input: { workspaceId, role }, facts: { now } }) => ({
    userId: null,
    workspaceId,
    role,
    invitedAt: now,
    acceptedAt: null,
  }),
});

/** Gives back the place that was kept, of a deleted workspace too, in which nobody waits for it. */
export const WithdrawMemberInvitation = command(workspace, {
  name: "WithdrawMemberInvitation",
  permission: "member:write",
  input: InWorkspace.extend({ invitationId: z.uuid(), emailClaimId: z.uuid() }),
  output: z.null(),
  stream: inWorkspace,
  decide: ({ workspaceId, ...withdrawn }, current) => {
    if (!isThere(current)) return [];
    if (current.invited.get(withdrawn.emailClaimId)?.invitationId !== withdrawn.invitationId) return [];
    const { organizationId } = current;
    return [{ type: "MemberInvitationWithdrawn", data: { workspaceId, organizationId, ...withdrawn } }];
  },
  answer: () => null,
});

/** What an accepted invitation comes to: whoever gave the role might, and the place was kept. */
export const JoinWorkspace = command(workspace, {
  name: "JoinWorkspace",
  permission: "member:write",
  input: InWorkspace.extend({
    userId: z.uuid(),
    role: WorkspaceRole,
    emailClaimId: z.uuid(),
    invitedAt: z.iso.datetime(),
  }),
  output: z.null(),
  stream: inWorkspace,
  decide: ({ workspaceId, ...joining }, current, { now }) =>
    whileThere(current, ({ organizationId, members }) =>
      members.has(joining.userId)
        ? []
        : [{ type: "MemberAdded", data: { workspaceId, organizationId, ...joining, acceptedAt: now } }],
    ),
  answer: () => null,
});

export const RemoveMember = command(workspace, {
  name: "RemoveMember",
  permission: "member:write",
  input: InWorkspace.extend({ userId: z.uuid(), ...ByPlatform }),
  output: z.null(),
  stream: inWorkspace,
  decide: ({ workspaceId, userId, byPlatform }, current, { actor }) =>
    whileThere(current, (there) => {
      const member = there.members.get(userId);
      if (!member) return noMember();
      if (member.role === "owner" && !isOwner(there, actor) && !byPlatform) return ownerRequired();
      if (isLastOwner(there, userId)) return lastOwner();
      return [{ type: "MemberRemoved", data: { workspaceId, organizationId: there.organizationId, userId } }];
    }),
  answer: () => null,
});

/** WS-07: only owners give or take ownership. RBAC-08: nobody raises themselves. */
export const ChangeMemberRole = command(workspace, {
  name: "ChangeMemberRole",
  permission: "member:write",
  input: InWorkspace.extend({ userId: z.uuid(), role: WorkspaceRole, ...ByPlatform }),
  output: MembershipView,
  stream: inWorkspace,
  decide: ({ workspaceId, userId, role, byPlatform }, current, { actor }) =>
    whileThere(current, (there) => {
      const member = there.members.get(userId);
      if (!member) return noMember();
      if (member.role === role) return [];
      const isOwnership = member.role === "owner" || role === "owner";
      if (isOwnership && !isOwner(there, actor) && !byPlatform) return ownerRequired();
      if (userId === actor.id && reaches(role, member.role)) return ownRole();
      if (isLastOwner(there, userId)) return lastOwner();
      const { organizationId } = there;
      return [{ type: "MemberRoleChanged", data: { workspaceId, organizationId, userId, role } }];
    }),
  answer: memberView,
});

/**
 * Ends what somebody had in a workspace until they left its organization; what they were given after they came back
 * stays. An owner who is the only one stays as such, and can do nothing: access asks for the organization first.
 */
export const EndMembership = command(workspace, {
  name: "EndMembership",
  permission: "member:write",
  input: InWorkspace.extend({ userId: z.uuid(), leftAt: z.iso.datetime() }),
  output: z.null(),
  stream: inWorkspace,
  decide: ({ workspaceId, userId, leftAt }, current) =>
    whileThere(current, (there) => {
      const member = there.members.get(userId);
      const isOver = member && Date.parse(member.acceptedAt) <= Date.parse(leftAt);
      if (!isOver || isLastOwner(there, userId)) return [];
      return [{ type: "MemberRemoved", data: { workspaceId, organizationId: there.organizationId, userId } }];
    }),
  answer: () => null,
});

/** WS-11: whoever is in a deleted workspace leaves it. */
export const DismissMembers = command(workspace, {
  name: "DismissMembers",
  permission: "workspace:delete",
  input: InWorkspace,
  output: z.null(),
  stream: inWorkspace,
  decide: ({ workspaceId }, current) => {
    if (current.status !== "DELETED") return [];
    const { organizationId, members } = current;
    return [...members.keys()].map((userId) => ({
      type: "MemberRemoved" as const,
      data: { workspaceId, organizationId, userId },
    }));
  },
  answer: () => null,
});

function memberView({
  state,
  input: { workspaceId, userId },
}: {
  state: Workspace;
  input: { workspaceId: string; userId: string };
}): z.output<typeof MembershipView> {
  const member = present(state).members.get(userId);
  if (!member) throw new Error("a member that was added or changed is there");
  return { userId, workspaceId, ...member };
}

const fullOfMembers = (there: PresentWorkspace, membersMax: number, now: string): Rejection | undefined => {
  const used = placesTaken(there, now);
  return used < membersMax ? undefined : quotaExceeded("maxMembersPerWorkspace", membersMax, used);
};
const noMember = (): Rejection => reject("missing", "RESOURCE_NOT_FOUND", "There is no such member.");
const ownerRequired = (): Rejection => reject("forbidden", "OWNER_REQUIRED", "Only an owner gives or takes ownership.");
const ownRole = (): Rejection => reject("forbidden", "OWN_ROLE", "Nobody gives themselves a higher role.");
const lastOwner = (): Rejection => reject("conflict", "LAST_OWNER", "A workspace keeps at least one owner.");
