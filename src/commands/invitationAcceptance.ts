import { z } from "zod";
import { emailClaim } from "../domain/accounts/emailClaim.ts";
import { type IssuedInvitation, invitation } from "../domain/tenancy/invitation.ts";
import { isPresent, organization } from "../domain/tenancy/organization.ts";
import { OrganizationRole, WorkspaceRole } from "../domain/tenancy/roles.ts";
import { isThere, workspace } from "../domain/tenancy/workspace.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection, type Rejection, reject } from "../kernel/rejection.ts";
import { PersonName, RegisterUser, registeredUser } from "./accounts.ts";
import { type Accepted, type CommandContext, unconditional } from "./commandContext.ts";
import type { Handler } from "./handler.ts";
import { AcceptInvitation, InvitationToken, InvitationView, noInvitation, presented, unusable } from "./invitations.ts";
import { operation } from "./operation.ts";
import { AddOrganizationMember } from "./organizationMembers.ts";
import { Password, type registration } from "./registration.ts";
import { ReleaseSeat } from "./seats.ts";
import { JoinWorkspace } from "./workspaceMembers.ts";

const Joined = InvitationView.pick({ organizationId: true, workspaceId: true, role: true });
const Preview = Joined.extend({
  email: z.email(),
  organizationName: z.string(),
  workspaceName: z.string().nullable(),
  expiresAt: z.iso.datetime(),
  hasAccount: z.boolean().describe("Whether to sign in and accept, or to register"),
});

/** What whoever has the token may know before they decide. */
export const invitationPreview = ({ handler }: { handler: Handler }) =>
  operation({
    name: "PreviewInvitation",
    permission: "public",
    input: z.object({ token: InvitationToken }),
    output: Preview,
    execute: async ({ token }, { now }) => {
      const found = await issuedBy(handler, token);
      if (isRejection(found)) return found;
      const { issued, revision, position } = found;
      const { organizationId, workspaceId, role, email, expiresAt, emailClaimId } = issued;
      const place = await placeOf(handler, issued);
      const refused = unusable(issued, now) ?? (isRejection(place) ? place : undefined);
      if (refused || isRejection(place)) return refused ?? noInvitation();
      const hasAccount = (await registeredUser(handler, emailClaimId)) !== undefined;
      const answer = { organizationId, workspaceId, role, email, expiresAt, hasAccount, ...place };
      return { answer, revision, position, replayed: false };
    },
  });

/** INV-03, INV-04: by the account that has the address, and by no other. */
export const invitationAcceptance = ({ handler }: { handler: Handler }) =>
  operation({
    name: AcceptInvitation.name,
    permission: AcceptInvitation.permission,
    input: z.object({ token: InvitationToken }),
    output: Joined,
    execute: async ({ token }, context) => {
      const userId = context.actor.id;
      if (!userId) throw new Error("whoever accepts has an account");
      const found = await issuedBy(handler, token);
      if (isRejection(found)) return found;
      const { state: claim } = await handler.stateOf(emailClaim, found.issued.emailClaimId);
      if (claim.status !== "held" || claim.userId !== userId)
        return reject("forbidden", "INVITATION_FOR_ANOTHER", "This invitation is for another address.");
      return accept(handler, found, userId, context);
    },
  });

/** INV-03: an account for the address that was invited, and what it was invited to. */
export const invitedRegistration = ({
  handler,
  register,
}: {
  handler: Handler;
  register: ReturnType<typeof registration>;
}) =>
  operation({
    name: "RegisterInvited",
    permission: "public",
    input: z.object({ token: InvitationToken, password: Password, name: PersonName }),
    output: Joined.extend({ user: RegisterUser.output }),
    execute: async ({ token, password, name }, sent) => {
      const found = await issuedBy(handler, token);
      if (isRejection(found)) return found;
      const { issued } = found;
      const refused = unusable(issued, sent.now);
      // Sent again after it was done, the request finds the account and the invitation as it has left them.
      if (refused && !(await registeredUser(handler, issued.emailClaimId))) return refused;
      const context = unconditional(sent);
      const registered = await register.execute({ email: issued.email, password, name }, context);
      if (isRejection(registered)) return refused ?? registered;
      const { id } = registered.answer;
      const joined = await accept(handler, found, id, { ...context, actor: { kind: "user", id } });
      return isRejection(joined) ? joined : { ...joined, answer: { ...joined.answer, user: registered.answer } };
    },
  });

type Found = { issued: IssuedInvitation; tokenHash: string; revision: bigint; position: bigint };

const issuedBy = async ({ stateOf }: Handler, token: string): Promise<Found | Rejection> => {
  const given = presented(token);
  if (!given) return noInvitation();
  const { state, revision, position } = await stateOf(invitation, given.invitationId);
  if (state.status === "absent" || state.tokenHash !== given.tokenHash) return noInvitation();
  return { issued: state, tokenHash: given.tokenHash, revision, position };
};

/** The names of what somebody is invited to, as long as it is there. */
const placeOf = async (
  { stateOf }: Handler,
  { organizationId, workspaceId }: IssuedInvitation,
): Promise<{ organizationName: string; workspaceName: string | null } | Rejection> => {
  const [{ state: tenant }, there] = await Promise.all([
    stateOf(organization, organizationId),
    workspaceId === null ? undefined : stateOf(workspace, workspaceId),
  ]);
  const closed = () => reject("gone", "INVITATION_REVOKED", "What this invitation was for is there no more.");
  if (!isPresent(tenant)) return closed();
  if (!there) return { organizationName: tenant.name, workspaceName: null };
  return isThere(there.state) ? { organizationName: tenant.name, workspaceName: there.state.name } : closed();
};

/** The invitation decides, once; the memberships follow, and are seen through by a reaction where this process dies. */
const accept = async (
  handler: Handler,
  { issued, tokenHash }: Found,
  userId: string,
  sent: CommandContext,
): Promise<Accepted<z.output<typeof Joined>> | Rejection> => {
  const { invitationId, organizationId, workspaceId } = issued;
  const place = await placeOf(handler, issued);
  if (isRejection(place)) return unusable(issued, sent.now) ?? place;
  const context = { ...unconditional(sent), organizationId, workspaceId };
  const accepted = await handler.handle(AcceptInvitation, { invitationId, tokenHash, userId }, context);
  if (isRejection(accepted)) return accepted;
  const joined = await joinAsInvited(handler, accepted.answer, context);
  if (isRejection(joined)) return joined;
  const { position } = joined;
  return { ...accepted, position, answer: { organizationId, workspaceId, role: issued.role } };
};

/**
 * The memberships of an invitation that was accepted, each step once, whoever takes it. Into a workspace as well:
 * then as a viewer of the organization. A place that is there no more has no members.
 */
export const joinAsInvited = async (
  { handle }: Pick<Handler, "handle">,
  { invitationId, organizationId, workspaceId, role, ...member }: z.output<typeof AcceptInvitation.output>,
  context: CommandContext,
): Promise<Accepted<unknown> | Rejection> => {
  const { userId, emailClaimId, invitedAt } = member;
  const step = (name: string) => ({ ...context, commandId: derivedId(invitationId, name) });
  const inOrganization = { organizationId, userId, emailClaimId, invitedAt };
  const joining = { ...inOrganization, role: workspaceId === null ? OrganizationRole.parse(role) : "viewer" } as const;
  const joined = await handle(AddOrganizationMember, joining, step("join-organization"));
  if (isRejection(joined) && joined.code !== "MEMBER_EXISTS") return joined;
  // Who came in another way before needs no seat.
  const seated = isRejection(joined)
    ? await handle(ReleaseSeat, { organizationId, invitationId }, step("release-seat"))
    : joined;
  if (workspaceId === null || isRejection(seated)) return seated;
  const inWorkspace = { workspaceId, userId, role: WorkspaceRole.parse(role), emailClaimId, invitedAt };
  return handle(JoinWorkspace, inWorkspace, step("join-workspace"));
};
