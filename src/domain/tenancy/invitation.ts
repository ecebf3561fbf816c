import { z } from "zod";
import { type Aggregate, event } from "../../kernel/decider.ts";
import { personal } from "../../kernel/personal.ts";
import { OrganizationRole, WorkspaceRole } from "./roles.ts";

/** SHA-256 of an invitation's token, hex: the token itself is known to whoever was given it alone. */
const TokenHash = z.hash("sha256");

/** Into an organization, or into one of its workspaces: then the role is one of the workspace. */
const Invited = z.object({
  invitationId: z.uuid(),
  organizationId: z.uuid(),
  workspaceId: z.uuid().nullable(),
  role: z.enum([...OrganizationRole.options, ...WorkspaceRole.extract(["owner"]).options]),
  /** The keyed hash that names the address's claim stream. */
  emailClaimId: z.uuid(),
});
const OfInvitation = Invited.pick({ invitationId: true, organizationId: true, workspaceId: true });

const events = {
  InvitationIssued: event(
    Invited.extend({
      email: personal(z.email(), { subject: "invitationId", erased: "erased@erased.invalid" }),
      tokenHash: TokenHash,
      invitedBy: z.uuid().nullable(),
      invitedAt: z.iso.datetime(),
      expiresAt: z.iso.datetime(),
    }),
  ),
  /** The token before it is good for nothing any more. */
  InvitationRenewed: event(OfInvitation.extend({ tokenHash: TokenHash, expiresAt: z.iso.datetime() })),
  InvitationRevoked: event(OfInvitation.extend({ emailClaimId: z.uuid() })),
  /** All that the memberships which follow are made of. */
  InvitationAccepted: event(
    Invited.extend({ userId: z.uuid(), invitedAt: z.iso.datetime(), acceptedAt: z.iso.datetime() }),
  ),
};

export type InvitationTerms = z.output<typeof Invited> & {
  email: string;
  tokenHash: string;
  invitedBy: string | null;
  invitedAt: string;
  expiresAt: string;
};
export type IssuedInvitation = InvitationTerms & { status: "open" | "revoked" | "accepted" };
export type Invitation = { status: "absent" } | IssuedInvitation;

/** INV-01: one address's way in. It is decided here, once, what becomes of it; seats and memberships follow. */
export const invitation: Aggregate<typeof events, Invitation> = {
  category: "invitation",
  events,
  initial: { status: "absent" },
  evolve: {
    InvitationIssued: (_, issued) => ({ status: "open", ...issued }),
    InvitationRenewed: (current, { tokenHash, expiresAt }) => changed(current, { tokenHash, expiresAt }),
    InvitationRevoked: (current) => changed(current, { status: "revoked" }),
    InvitationAccepted: (current) => changed(current, { status: "accepted" }),
  },
};

const changed = (current: Invitation, change: Partial<IssuedInvitation>): Invitation =>
  current.status === "absent" ? current : { ...current, ...change };
