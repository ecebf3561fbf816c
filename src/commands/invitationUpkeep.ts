import { z } from "zod";
import { type IssuedInvitation, invitation } from "../domain/tenancy/invitation.ts";
import { isPresent, organization } from "../domain/tenancy/organization.ts";
import { WorkspaceRole } from "../domain/tenancy/roles.ts";
import { workspace } from "../domain/tenancy/workspace.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection, type Rejection } from "../kernel/rejection.ts";
import { registeredUser } from "./accounts.ts";
import { type CommandContext, unconditional } from "./commandContext.ts";
import type { Handler } from "./handler.ts";
import { freshToken, noInvitation, RenewInvitation, RevokeInvitation } from "./invitations.ts";
import { IssuedView, termsFrom, withToken } from "./inviting.ts";
import { operation } from "./operation.ts";
import { ReleaseSeat, ReserveSeat } from "./seats.ts";
import { InviteMember, WithdrawMemberInvitation } from "./workspaceMembers.ts";
import { membersMaxOf } from "./workspaceMembership.ts";

const InOrganization = z.object({ organizationId: z.uuid(), invitationId: z.uuid() });
const InWorkspace = z.object({ workspaceId: z.uuid(), invitationId: z.uuid() });
type Within = { handler: Handler };

/** INV-04: by the organization's admin, also of an invitation into one of its workspaces. */
export const invitationRenewal = ({ handler }: Within) =>
  operation({
    name: RenewInvitation.name,
    permission: RenewInvitation.permission,
    input: InOrganization,
    output: IssuedView,
    execute: async (asked, context) => {
      const found = await issuedIn(handler, asked.invitationId, "organizationId", asked.organizationId);
      return found ? renew(handler, found, context) : noInvitation();
    },
  });

/** The same by the workspace's admin, of an invitation into it. */
export const workspaceInvitationRenewal = ({ handler }: Within) =>
  operation({
    name: "RenewWorkspaceInvitation",
    permission: InviteMember.permission,
    input: InWorkspace,
    output: IssuedView,
    execute: async (asked, context) => {
      const found = await issuedIn(handler, asked.invitationId, "workspaceId", asked.workspaceId);
      return found ? renew(handler, found, context) : noInvitation();
    },
  });

export const invitationRevocation = ({ handler }: Within) =>
  operation({
    name: RevokeInvitation.name,
    permission: RevokeInvitation.permission,
    input: InOrganization,
    output: z.null(),
    execute: async (asked, context) => {
      const found = await issuedIn(handler, asked.invitationId, "organizationId", asked.organizationId);
      return found ? revoke(handler, found, context) : noInvitation();
    },
  });

export const workspaceInvitationRevocation = ({ handler }: Within) =>
  operation({
    name: "RevokeWorkspaceInvitation",
    permission: InviteMember.permission,
    input: InWorkspace,
    output: z.null(),
    execute: async (asked, context) => {
      const found = await issuedIn(handler, asked.invitationId, "workspaceId", asked.workspaceId);
      return found ? revoke(handler, found, context) : noInvitation();
    },
  });

/** one of another place is as absent as what never was. */
const issuedIn = async (
  { stateOf }: Pick<Handler, "stateOf">,
  invitationId: string,
  place: "organizationId" | "workspaceId",
  id: string,
): Promise<IssuedInvitation | undefined> => {
  const { state } = await stateOf(invitation, invitationId);
  return state.status !== "absent" && state[place] === id ? state : undefined;
};

/** The seat first, which may have gone to somebody else; what is refused in the end gives it back. */
const renew = async (handler: Handler, issued: IssuedInvitation, sent: CommandContext) => {
  const { invitationId, organizationId, workspaceId, emailClaimId } = issued;
  const context = { ...unconditional(sent), preparedFrom: { renews: invitationId } };
  const { expiresAt, keptUntil } = termsFrom(context.now);
  const { token, tokenHash } = freshToken(invitationId);
  const renewal = { invitationId, tokenHash, expiresAt };
  const foreseen = RenewInvitation.decide(renewal, issued, context);
  const seat = { organizationId, workspaceId, emailClaimId, invitationId, keptUntil };
  if (!isRejection(foreseen)) {
    const isSeated = await isMember(handler, issued);
    const reserved = isSeated ? {} : await handler.handle(ReserveSeat, seat, context);
    if (isRejection(reserved)) return reserved;
    const kept = await keepPlace(handler, issued, keptUntil, context);
    if (isRejection(kept)) return kept;
  }
  const renewed = await handler.handle(RenewInvitation, renewal, context);
  if (isRejection(renewed) && !isRejection(foreseen)) await giveBack(handler, issued, context);
  return withToken(renewed, token);
};

/** Who came in another way meanwhile has a seat. */
const isMember = async (handler: Handler, { organizationId, emailClaimId }: IssuedInvitation): Promise<boolean> => {
  const userId = await registeredUser(handler, emailClaimId);
  const { state } = await handler.stateOf(organization, organizationId);
  return userId !== undefined && isPresent(state) && state.members.has(userId);
};

const keepPlace = async (
  handler: Handler,
  { workspaceId, invitationId, emailClaimId, email, role }: IssuedInvitation,
  keptUntil: string,
  context: CommandContext,
): Promise<object | Rejection> => {
  if (workspaceId === null) return {};
  const { state } = await handler.stateOf(workspace, workspaceId);
  const invited = { workspaceId, invitationId, emailClaimId, email, role: WorkspaceRole.parse(role), keptUntil };
  // Who invited had the right to give this role: whoever sends it anew gives no other.
  const prepared = { membersMax: await membersMaxOf(handler, state), byPlatform: true };
  return handler.handle(InviteMember, { ...invited, ...prepared }, context);
};

const revoke = async (handler: Handler, issued: IssuedInvitation, context: CommandContext) => {
  const revoked = await handler.handle(RevokeInvitation, { invitationId: issued.invitationId }, unconditional(context));
  if (isRejection(revoked)) return revoked;
  const given = await giveBack(handler, issued, unconditional(context));
  return isRejection(given) ? given : revoked;
};

/** What was kept for whoever was invited; done once, however often it is asked for. */
export const giveBack = async (
  { handle }: Pick<Handler, "handle">,
  kept: Pick<IssuedInvitation, "invitationId" | "organizationId" | "workspaceId" | "emailClaimId">,
  context: CommandContext,
): Promise<object | Rejection> => {
  const { invitationId, organizationId, workspaceId, emailClaimId } = kept;
  const once = { ...context, commandId: derivedId(context.commandId, "give-back"), preparedFrom: kept };
  if (workspaceId !== null) {
    const withdrawn = await handle(WithdrawMemberInvitation, { workspaceId, invitationId, emailClaimId }, once);
    if (isRejection(withdrawn)) return withdrawn;
  }
  return handle(ReleaseSeat, { organizationId, invitationId }, once);
};
