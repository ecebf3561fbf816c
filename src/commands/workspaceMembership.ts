import { z } from "zod";
import { user } from "../domain/accounts/user.ts";
import { isPresent, organization } from "../domain/tenancy/organization.ts";
import { WorkspaceRole } from "../domain/tenancy/roles.ts";
import { isThere, type Workspace, workspace } from "../domain/tenancy/workspace.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection } from "../kernel/rejection.ts";
import { Email, registeredUser } from "./accounts.ts";
import type { BlindIndex } from "./claims.ts";
import { type CommandContext, unconditional } from "./commandContext.ts";
import type { Handler } from "./handler.ts";
import { IssuedView, invitationIdFor, issueInvitation, termsFrom } from "./inviting.ts";
import { operation } from "./operation.ts";
import { AddOrganizationMember } from "./organizationMembers.ts";
import { ReserveSeat } from "./seats.ts";
import { AddMember, ChangeMemberRole, InviteMember, MembershipView, RemoveMember } from "./workspaceMembers.ts";
import { noWorkspace } from "./workspaces.ts";

/**
 * WS-05: an address with an account becomes a member at once, another is invited. A member from outside becomes a
 * viewer of the organization, which lets them see that it exists and nothing else.
 */
export const memberAddition = ({ handler, blindIndex }: { handler: Handler; blindIndex: BlindIndex }) =>
  operation({
    name: AddMember.name,
    permission: AddMember.permission,
    input: z.object({ workspaceId: z.uuid(), email: Email, role: WorkspaceRole }),
    output: MembershipView.extend({ invitation: IssuedView.optional() }),
    execute: async ({ workspaceId, email, role }, context) => {
      const emailClaimId = blindIndex("email", email);
      const [userId, there] = await Promise.all([
        registeredUser(handler, emailClaimId),
        handler.stateOf(workspace, workspaceId),
      ]);
      const prepared = {
        membersMax: await membersMaxOf(handler, there.state),
        byPlatform: await isSystemAdmin(handler, context),
      };
      if (!userId) {
        const wanted = { workspaceId, email, role, emailClaimId, ...prepared };
        return invite(handler, wanted, there, context);
      }
      const added = { workspaceId, userId, role, emailClaimId };
      const { expectedRevision } = context;
      const isExpected = expectedRevision === undefined || expectedRevision === there.revision;
      const foreseen = AddMember.decide({ ...added, ...prepared }, there.state, context);
      if (isThere(there.state) && isExpected && !isRejection(foreseen)) {
        const { organizationId } = there.state;
        const joining = { organizationId, userId, role: "viewer", emailClaimId } as const;
        const joined = await handler.handle(AddOrganizationMember, joining, unconditional(context));
        if (isRejection(joined) && joined.code !== "MEMBER_EXISTS") return joined;
      }
      return handler.handle(AddMember, { ...added, ...prepared }, { ...context, preparedFrom: added });
    },
  });

type Wanted = Omit<z.output<typeof InviteMember.input>, "invitationId" | "keptUntil">;
type Standing = { state: Workspace; revision: bigint };

/**
 * The seat in the organization first, then the place in the workspace, then the invitation itself. A command of its
 * own: sent again once the address has registered, the same request adds the member.
 */
const invite = async (handler: Handler, wanted: Wanted, { state, revision }: Standing, sent: CommandContext) => {
  const { workspaceId, email, role, emailClaimId } = wanted;
  const commandId = derivedId(sent.commandId, "invitation");
  const context = { ...sent, commandId, preparedFrom: { workspaceId, email, role } };
  if (!isThere(state)) return noWorkspace();
  const place = { organizationId: state.organizationId, workspaceId, emailClaimId };
  const invitationId = await invitationIdFor(handler, place, context);
  const { expiresAt, keptUntil } = termsFrom(context.now);
  const invited = { ...wanted, invitationId, keptUntil };
  const { expectedRevision } = sent;
  const isExpected = expectedRevision === undefined || expectedRevision === revision;
  const isForeseen = isExpected && !isRejection(InviteMember.decide(invited, state, context));
  const seat = { ...place, invitationId, keptUntil };
  const reserved = isForeseen ? await handler.handle(ReserveSeat, seat, unconditional(context)) : {};
  if (isRejection(reserved)) return reserved;
  const kept = await handler.handle(InviteMember, invited, context);
  if (isRejection(kept)) return kept;
  const issued = { ...place, invitationId, email, role, expiresAt };
  const invitation = await issueInvitation(handler, issued, unconditional(context));
  if (isRejection(invitation)) return invitation;
  const { position } = invitation;
  return { ...kept, position, answer: { ...kept.answer, invitation: invitation.answer } };
};

/** WS-07. */
export const memberRoleChange = ({ handler }: { handler: Handler }) =>
  operation({
    name: ChangeMemberRole.name,
    permission: ChangeMemberRole.permission,
    input: z.object({ workspaceId: z.uuid(), userId: z.uuid(), role: WorkspaceRole }),
    output: ChangeMemberRole.output,
    execute: async (input, context) => {
      const byPlatform = await isSystemAdmin(handler, context);
      return handler.handle(ChangeMemberRole, { ...input, byPlatform }, { ...context, preparedFrom: input });
    },
  });

/** WS-06. */
export const memberRemoval = ({ handler }: { handler: Handler }) =>
  operation({
    name: RemoveMember.name,
    permission: RemoveMember.permission,
    input: z.object({ workspaceId: z.uuid(), userId: z.uuid() }),
    output: RemoveMember.output,
    execute: async (input, context) => {
      const byPlatform = await isSystemAdmin(handler, context);
      return handler.handle(RemoveMember, { ...input, byPlatform }, { ...context, preparedFrom: input });
    },
  });

const isSystemAdmin = async ({ stateOf }: Handler, { actor }: CommandContext): Promise<boolean> => {
  if (actor.kind !== "user" || actor.id === null) return false;
  const { state } = await stateOf(user, actor.id);
  return state.status === "registered" && state.platformRole === "system_admin";
};

/** WS-10: the quota of the organization as it is now; a workspace that is not there has none to ask for. */
export const membersMaxOf = async ({ stateOf }: Handler, there: Workspace): Promise<number> => {
  if (!isThere(there)) return 0;
  const { state } = await stateOf(organization, there.organizationId);
  return isPresent(state) ? state.quotas.maxMembersPerWorkspace : 0;
};
