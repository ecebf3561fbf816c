import { z } from "zod";
import { type InvitationTerms, invitation } from "../domain/tenancy/invitation.ts";
import { isPresent, organization } from "../domain/tenancy/organization.ts";
import { OrganizationRole } from "../domain/tenancy/roles.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection, type Rejection } from "../kernel/rejection.ts";
import { Email, registeredUser } from "./accounts.ts";
import type { BlindIndex } from "./claims.ts";
import { type Accepted, type CommandContext, unconditional } from "./commandContext.ts";
import type { Handler } from "./handler.ts";
import { freshToken, InvitationView, IssueInvitation } from "./invitations.ts";
import { operation } from "./operation.ts";
import { memberExists } from "./organizationMembers.ts";
import { noOrganization } from "./organizations.ts";
import { ReserveSeat } from "./seats.ts";

const lifetimeMs = 7 * 24 * 60 * 60 * 1_000;
/** Whoever accepts in the last moment finds the seat that was kept, also where a crash makes it late. */
const graceMs = 60 * 60 * 1_000;

/** INV-01: how long the token is good, and how long what it stands for is kept. */
export const termsFrom = (now: string): { expiresAt: string; keptUntil: string } => {
  const expires = Date.parse(now) + lifetimeMs;
  return { expiresAt: new Date(expires).toISOString(), keptUntil: new Date(expires + graceMs).toISOString() };
};

/** The token is shown this once, to whoever invites: an answer that is given again has none. */
export const IssuedView = InvitationView.extend({ token: z.string().nullable() });
type Issued = Accepted<z.output<typeof IssuedView>> | Rejection;

export const organizationInvitation = ({ handler, blindIndex }: { handler: Handler; blindIndex: BlindIndex }) =>
  operation({
    name: IssueInvitation.name,
    permission: IssueInvitation.permission,
    input: z.object({ organizationId: z.uuid(), email: Email, role: OrganizationRole }),
    output: IssuedView,
    execute: async (asked, sent) => {
      const { organizationId, email, role } = asked;
      const context = { ...unconditional(sent), preparedFrom: asked };
      const emailClaimId = blindIndex("email", email);
      const [userId, { state }] = await Promise.all([
        registeredUser(handler, emailClaimId),
        handler.stateOf(organization, organizationId),
      ]);
      if (!isPresent(state)) return noOrganization();
      if (userId && state.members.has(userId)) return memberExists(userId);
      const wanted = { organizationId, workspaceId: null, emailClaimId };
      const invitationId = await invitationIdFor(handler, wanted, context);
      const { expiresAt, keptUntil } = termsFrom(context.now);
      const reserved = await handler.handle(ReserveSeat, { ...wanted, invitationId, keptUntil }, context);
      return isRejection(reserved)
        ? reserved
        : issueInvitation(handler, { ...wanted, invitationId, email, role, expiresAt }, context);
    },
  });

type Wanted = Pick<InvitationTerms, "organizationId" | "workspaceId" | "emailClaimId">;

/** One that was begun, and never finished, is taken up. */
export const invitationIdFor = async (
  { stateOf }: Pick<Handler, "stateOf">,
  { organizationId, workspaceId, emailClaimId }: Wanted,
  { commandId }: CommandContext,
): Promise<string> => {
  const { state } = await stateOf(organization, organizationId);
  for (const [invitationId, seat] of isPresent(state) ? state.seats : []) {
    if (seat.emailClaimId !== emailClaimId || seat.workspaceId !== workspaceId) continue;
    if ((await stateOf(invitation, invitationId)).state.status === "absent") return invitationId;
  }
  return derivedId(commandId, "invitation", emailClaimId);
};

/** Last of all, when there is a seat and a place: until then there is nothing to accept. */
export const issueInvitation = async (
  { handle }: Pick<Handler, "handle">,
  issued: Wanted & Pick<InvitationTerms, "invitationId" | "email" | "role" | "expiresAt">,
  context: CommandContext,
): Promise<Issued> => {
  const { token, tokenHash } = freshToken(issued.invitationId);
  const outcome = await handle(IssueInvitation, { ...issued, tokenHash }, context);
  return withToken(outcome, token);
};

export const withToken = (outcome: Accepted<z.output<typeof InvitationView>> | Rejection, token: string): Issued =>
  isRejection(outcome)
    ? outcome
    : { ...outcome, answer: { ...outcome.answer, token: outcome.replayed ? null : token } };
