import { z } from "zod";
import { WorkspaceRole } from "../domain/tenancy/roles.ts";
import { Slug } from "../domain/tenancy/slugClaim.ts";
import {
  isFull,
  isLastOwner,
  membersMax,
  PlanType,
  type Workspace,
  WorkspaceName,
  workspace,
} from "../domain/tenancy/workspace.ts";
import { type Actor, command } from "../kernel/decider.ts";
import { type Rejection, reject } from "../kernel/rejection.ts";
import { Email } from "./accounts.ts";

const InWorkspace = z.object({ workspaceId: z.uuid() });
const inWorkspace = ({ workspaceId }: { workspaceId: string }): string => workspaceId;

/** `role` is the one the caller acts with: an organization's admin without a membership acts as admin. */
export const WorkspaceView = z.object({
  id: z.uuid(),
  name: z.string(),
  slug: z.string(),
  planType: PlanType,
  organizationId: z.uuid(),
  role: WorkspaceRole,
  createdAt: z.iso.datetime(),
});

/** `userId` and `acceptedAt` are null while the address invited has no account. */
export const MembershipView = z.object({
  userId: z.uuid().nullable(),
  workspaceId: z.uuid(),
  role: WorkspaceRole,
  invitedAt: z.iso.datetime(),
  acceptedAt: z.iso.datetime().nullable(),
});

export const CreateWorkspace = command(workspace, {
  name: "CreateWorkspace",
  permission: "workspace:create",
  input: InWorkspace.extend({
    organizationId: z.uuid(),
    name: WorkspaceName,
    slug: Slug,
    planType: PlanType,
    ownerId: z.uuid(),
  }),
  output: WorkspaceView,
  stream: inWorkspace,
  decide: (created, current, { now }) =>
    current.status === "absent"
      ? [{ type: "WorkspaceCreated", data: { ...created, createdAt: now } }]
      : reject("conflict", "WORKSPACE_EXISTS", "This workspace was created before."),
  answer: workspaceView,
});

export const RenameWorkspace = command(workspace, {
  name: "RenameWorkspace",
  permission: "workspace:write",
  input: InWorkspace.extend({ name: WorkspaceName }),
  output: WorkspaceView,
  stream: inWorkspace,
  decide: ({ workspaceId, name }, current) => {
    if (current.status !== "active") return noWorkspace();
    const { organizationId } = current;
    return current.name === name ? [] : [{ type: "WorkspaceRenamed", data: { workspaceId, organizationId, name } }];
  },
  answer: workspaceView,
});

export const DeleteWorkspace = command(workspace, {
  name: "DeleteWorkspace",
  permission: "workspace:delete",
  input: InWorkspace,
  output: z.null(),
  stream: inWorkspace,
  decide: ({ workspaceId }, current) =>
    current.status === "active"
      ? [{ type: "WorkspaceDeleted", data: { workspaceId, organizationId: current.organizationId } }]
      : noWorkspace(),
  answer: () => null,
});

export const AddMember = command(workspace, {
  name: "AddMember",
  permission: "member:write",
  input: InWorkspace.extend({ userId: z.uuid(), role: WorkspaceRole, emailClaimId: z.uuid().optional() }),
  output: MembershipView,
  stream: inWorkspace,
  decide: ({ workspaceId, ...added }, current, { now, actor }) => {
    if (current.status !== "active") return noWorkspace();
    const { userId, role, emailClaimId } = added;
    if (current.members.has(userId))
      return reject("conflict", "MEMBER_EXISTS", "This user is a member of the workspace.", { userId });
    if (role === "owner" && !isOwner(current, actor)) return ownerRequired();
    const isInvited = emailClaimId !== undefined && current.invited.has(emailClaimId);
    if (!isInvited && isFull(current)) return full();
    const { organizationId } = current;
    return [{ type: "MemberAdded", data: { workspaceId, organizationId, ...added, invitedAt: now, acceptedAt: now } }];
  },
  answer: memberView,
});

/** Records who is wanted; the address becomes a member once it has an account and is added again. */
export const InviteMember = command(workspace, {
  name: "InviteMember",
  permission: "member:write",
  input: InWorkspace.extend({
    invitationId: z.uuid(),
    emailClaimId: z.uuid(),
    email: Email,
    role: WorkspaceRole,
  }),
  output: MembershipView,
  stream: inWorkspace,
  decide: ({ workspaceId, ...invitation }, current, { now, actor }) => {
    if (current.status !== "active") return noWorkspace();
    if (current.invited.has(invitation.emailClaimId))
      return reject("conflict", "MEMBER_EXISTS", "This address is invited to the workspace.");
    if (invitation.role === "owner" && !isOwner(current, actor)) return ownerRequired();
    if (isFull(current)) return full();
    const { organizationId } = current;
    return [{ type: "MemberInvited", data: { workspaceId, organizationId, ...invitation, invitedAt: now } }];
  },
  answer: ({ input: { workspaceId, role }, facts: { now } }) => ({
    userId: null,
    workspaceId,
    role,
    invitedAt: now,
    acceptedAt: null,
  }),
});

export const RemoveMember = command(workspace, {
  name: "RemoveMember",
  permission: "member:write",
  input: InWorkspace.extend({ userId: z.uuid() }),
  output: z.null(),
  stream: inWorkspace,
  decide: ({ workspaceId, userId }, current, { actor }) => {
    if (current.status !== "active") return noWorkspace();
    const member = current.members.get(userId);
    if (!member) return noMember();
    if (member.role === "owner" && !isOwner(current, actor)) return ownerRequired();
    if (isLastOwner(current, userId)) return lastOwner();
    return [{ type: "MemberRemoved", data: { workspaceId, organizationId: current.organizationId, userId } }];
  },
  answer: () => null,
});

/** WS-07: only owners give or take ownership. */
export const ChangeMemberRole = command(workspace, {
  name: "ChangeMemberRole",
  permission: "member:write",
  input: InWorkspace.extend({ userId: z.uuid(), role: WorkspaceRole }),
  output: MembershipView,
  stream: inWorkspace,
  decide: ({ workspaceId, userId, role }, current, { actor }) => {
    if (current.status !== "active") return noWorkspace();
    const member = current.members.get(userId);
    if (!member) return noMember();
    if (member.role === role) return [];
    if ((member.role === "owner" || role === "owner") && !isOwner(current, actor)) return ownerRequired();
    if (isLastOwner(current, userId)) return lastOwner();
    return [{ type: "MemberRoleChanged", data: { workspaceId, organizationId: current.organizationId, userId, role } }];
  },
  answer: memberView,
});

type Active = Extract<Workspace, { status: "active" }>;

const isOwner = ({ members }: Active, { id }: Actor): boolean => id !== null && members.get(id)?.role === "owner";

const active = (state: Workspace): Active => {
  if (state.status !== "active") throw new Error("a workspace that was changed is active");
  return state;
};

/** Who may create or change a workspace acts as its owner or as an admin, whatever less their own membership says. */
function workspaceView({
  state,
  input: { workspaceId },
  facts: { actor },
}: {
  state: Workspace;
  input: { workspaceId: string };
  facts: { actor: Actor };
}): z.output<typeof WorkspaceView> {
  const { name, slug, planType, organizationId, createdAt } = active(state);
  const role = isOwner(active(state), actor) ? "owner" : "admin";
  return { id: workspaceId, name, slug, planType, organizationId, role, createdAt };
}

function memberView({
  state,
  input: { workspaceId, userId },
}: {
  state: Workspace;
  input: { workspaceId: string; userId: string };
}): z.output<typeof MembershipView> {
  const member = active(state).members.get(userId);
  if (!member) throw new Error("a member that was added or changed is there");
  return { userId, workspaceId, ...member };
}

const noWorkspace = (): Rejection => reject("missing", "RESOURCE_NOT_FOUND", "There is no such workspace.");
const full = (): Rejection =>
  reject("conflict", "MEMBER_LIMIT_REACHED", "Members and open invitations are as many as a workspace may have.", {
    membersMax,
  });
const noMember = (): Rejection => reject("missing", "RESOURCE_NOT_FOUND", "There is no such member.");
const ownerRequired = (): Rejection => reject("forbidden", "OWNER_REQUIRED", "Only an owner gives or takes ownership.");
const lastOwner = (): Rejection => reject("conflict", "LAST_OWNER", "A workspace keeps at least one owner.");
