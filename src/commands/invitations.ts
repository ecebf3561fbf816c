import { createHash } from "node:crypto";
import { nanoid } from "nanoid";
import { z } from "zod";
import { type Invitation, type IssuedInvitation, invitation } from "../domain/tenancy/invitation.ts";
import { command } from "../kernel/decider.ts";
import { type Rejection, reject } from "../kernel/rejection.ts";
import { text } from "../kernel/text.ts";

const { InvitationIssued, InvitationRenewed, InvitationAccepted } = invitation.events;
const OfInvitation = z.object({ invitationId: z.uuid() });
const ofInvitation = ({ invitationId }: { invitationId: string }): string => invitationId;

const InvitationStatus = z.enum(["open", "accepted", "revoked", "expired"]);
export const InvitationView = z.object({
  id: z.uuid(),
  organizationId: z.uuid(),
  workspaceId: z.uuid().nullable(),
  role: InvitationIssued.schema.shape.role,
  email: z.email(),
  status: InvitationStatus,
  invitedBy: z.uuid().nullable(),
  invitedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
});

export const IssueInvitation = command(invitation, {
  name: "IssueInvitation",
  permission: "invitation:write",
  input: InvitationIssued.schema.omit({ invitedBy: true, invitedAt: true }),
  output: InvitationView,
  stream: ofInvitation,
  decide: (issued, current, { now, actor }) =>
    current.status === "absent"
      ? [{ type: "InvitationIssued", data: { ...issued, invitedBy: actor.id, invitedAt: now } }]
      : reject("conflict", "INVITATION_EXISTS", "This address is invited.", { invitationId: issued.invitationId }),
  answer: invitationView,
});

/** INV-04: a new token for as long again; the one before it is good for nothing any more. */
export const RenewInvitation = command(invitation, {
  name: "RenewInvitation",
  permission: "invitation:write",
  input: InvitationRenewed.schema.pick({ invitationId: true, tokenHash: true, expiresAt: true }),
  output: InvitationView,
  stream: ofInvitation,
  decide: (renewed, current) => {
    if (current.status === "absent") return noInvitation();
    const { organizationId, workspaceId } = current;
    return closed(current) ?? [{ type: "InvitationRenewed", data: { ...renewed, organizationId, workspaceId } }];
  },
  answer: invitationView,
});

export const RevokeInvitation = command(invitation, {
  name: "RevokeInvitation",
  permission: "invitation:write",
  input: OfInvitation,
  output: z.null(),
  stream: ofInvitation,
  decide: ({ invitationId }, current) => {
    if (current.status === "absent") return noInvitation();
    if (current.status === "revoked") return [];
    const { organizationId, workspaceId, emailClaimId } = current;
    return (
      closed(current) ?? [
        { type: "InvitationRevoked", data: { invitationId, organizationId, workspaceId, emailClaimId } },
      ]
    );
  },
  answer: () => null,
});

/** INV-01: once, by whoever has the newest token, while it is good. Whose address it is was asked before. */
export const AcceptInvitation = command(invitation, {
  name: "AcceptInvitation",
  permission: "account:write",
  input: OfInvitation.extend({ tokenHash: InvitationIssued.schema.shape.tokenHash, userId: z.uuid() }),
  output: InvitationAccepted.schema,
  stream: ofInvitation,
  decide: ({ tokenHash, userId }, current, { now }) => {
    if (current.status === "absent" || current.tokenHash !== tokenHash) return noInvitation();
    return unusable(current, now) ?? [{ type: "InvitationAccepted", data: accepted(current, userId, now) }];
  },
  answer: ({ state, input, facts }) => accepted(issuedIn(state), input.userId, facts.now),
});

const accepted = (issued: IssuedInvitation, userId: string, acceptedAt: string) => {
  const { invitationId, organizationId, workspaceId, role, emailClaimId, invitedAt } = issued;
  return { invitationId, organizationId, workspaceId, role, emailClaimId, invitedAt, userId, acceptedAt };
};

/** Why an invitation cannot be accepted, where it cannot. */
export const unusable = (issued: IssuedInvitation, now: string): Rejection | undefined =>
  closed(issued) ??
  (Date.parse(issued.expiresAt) <= Date.parse(now)
    ? reject("gone", "INVITATION_EXPIRED", "This invitation has expired.")
    : undefined);

const closed = ({ status }: IssuedInvitation): Rejection | undefined => {
  if (status === "accepted") return reject("gone", "INVITATION_USED", "This invitation was accepted.");
  return status === "revoked" ? reject("gone", "INVITATION_REVOKED", "This invitation was revoked.") : undefined;
};

const issuedIn = (state: Invitation): IssuedInvitation => {
  if (state.status === "absent") throw new Error("an invitation that was written to is there");
  return state;
};

function invitationView({
  state,
  facts: { now },
}: {
  state: Invitation;
  facts: { now: string };
}): z.output<typeof InvitationView> {
  const issued = issuedIn(state);
  const { invitationId: id, organizationId, workspaceId, role, email, invitedBy, invitedAt, expiresAt } = issued;
  const isExpired = issued.status === "open" && Date.parse(expiresAt) <= Date.parse(now);
  const status = isExpired ? "expired" : issued.status;
  return { id, organizationId, workspaceId, role, email, status, invitedBy, invitedAt, expiresAt };
}

/** The invitation's id stands in its token, so that its stream is found without looking anything up. */
export const freshToken = (invitationId: string): { token: string; tokenHash: string } => {
  const token = `${invitationId}.${nanoid(tokenLength)}`;
  return { token, tokenHash: hashOf(token) };
};
/** 43 characters of 6 bits each: 258 bits. */
const tokenLength = 43;
const presentedLengthMax = 128;

export const InvitationToken = text(presentedLengthMax);

/** What a token says of itself; a stranger's text says nothing. */
export const presented = (token: string): { invitationId: string; tokenHash: string } | undefined => {
  const invitationId = z.uuid().safeParse(token.slice(0, token.indexOf("."))).data;
  return invitationId === undefined ? undefined : { invitationId, tokenHash: hashOf(token) };
};

const hashOf = (token: string): string => createHash("sha256").update(token).digest("hex");

export const noInvitation = (): Rejection =>
  reject("missing", "RESOURCE_NOT_FOUND", "There is no such invitation, or it was sent anew.");
