import { z } from "zod";
import { type Aggregate, event } from "../../kernel/decider.ts";
import { personal } from "../../kernel/personal.ts";
import { text } from "../../kernel/text.ts";
import { WorkspaceRole } from "./roles.ts";
import { Slug } from "./slugClaim.ts";

export const PlanType = z.enum(["free", "pro", "enterprise"]);
export const WorkspaceName = text(100);

const InWorkspace = z.object({ workspaceId: z.uuid(), organizationId: z.uuid() });
const Membership = InWorkspace.extend({ userId: z.uuid(), role: WorkspaceRole });

const events = {
  WorkspaceCreated: event(
    InWorkspace.extend({
      name: WorkspaceName,
      slug: Slug,
      planType: PlanType,
      ownerId: z.uuid(),
      createdAt: z.iso.datetime(),
    }),
  ),
  WorkspaceRenamed: event(InWorkspace.extend({ name: WorkspaceName })),
  WorkspaceDeleted: event(InWorkspace),
  MemberAdded: event(
    Membership.extend({
      /** Of the address they were added by: an invitation it has is answered. */
      emailClaimId: z.uuid().optional(),
      invitedAt: z.iso.datetime(),
      acceptedAt: z.iso.datetime(),
    }),
  ),
  MemberInvited: event(
    InWorkspace.extend({
      invitationId: z.uuid(),
      /** The keyed hash that names the address's claim stream. */
      emailClaimId: z.uuid(),
      email: personal(z.email(), { subject: "invitationId", erased: "erased@erased.invalid" }),
      role: WorkspaceRole,
      invitedAt: z.iso.datetime(),
    }),
  ),
  MemberRemoved: event(InWorkspace.extend({ userId: z.uuid() })),
  MemberRoleChanged: event(Membership),
};

type Member = { role: WorkspaceRole; invitedAt: string; acceptedAt: string };

export type Workspace =
  | { status: "absent" }
  | { status: "deleted"; organizationId: string }
  | {
      status: "active";
      organizationId: string;
      name: string;
      slug: string;
      planType: z.output<typeof PlanType>;
      createdAt: string;
      members: ReadonlyMap<string, Member>;
      /** E-mail claims that were invited and have no account yet. */
      invited: ReadonlySet<string>;
    };
type Active = Extract<Workspace, { status: "active" }>;

export const workspace: Aggregate<typeof events, Workspace> = {
  category: "workspace",
  events,
  initial: { status: "absent" },
  evolve: {
    WorkspaceCreated: (_, { organizationId, name, slug, planType, ownerId, createdAt }) => ({
      status: "active",
      organizationId,
      name,
      slug,
      planType,
      createdAt,
      members: new Map([[ownerId, { role: "owner", invitedAt: createdAt, acceptedAt: createdAt }]]),
      invited: new Set(),
    }),
    WorkspaceRenamed: (current, { name }) => whileActive(current, (active) => ({ ...active, name })),
    WorkspaceDeleted: (_, { organizationId }) => ({ status: "deleted", organizationId }),
    MemberAdded: (current, { userId, role, emailClaimId, invitedAt, acceptedAt }) =>
      withMember(answered(current, emailClaimId), userId, () => ({ role, invitedAt, acceptedAt })),
    MemberInvited: (current, { emailClaimId }) =>
      whileActive(current, (active) => ({ ...active, invited: new Set(active.invited).add(emailClaimId) })),
    MemberRemoved: (current, { userId }) => withMember(current, userId, () => undefined),
    MemberRoleChanged: (current, { userId, role }) =>
      withMember(current, userId, (member) => member && { ...member, role }),
  },
};

/** WS-08: a workspace is never left without an owner. */
export const isLastOwner = ({ members }: Active, userId: string): boolean =>
  members.get(userId)?.role === "owner" && [...members.values()].filter(({ role }) => role === "owner").length === 1;

/** Each of them is copied with every change of membership, and all of them are in memory. */
export const membersMax = 1_000;
export const isFull = ({ members, invited }: Active): boolean => members.size + invited.size >= membersMax;

const answered = (current: Workspace, emailClaimId: string | undefined): Workspace =>
  whileActive(current, (active) =>
    emailClaimId !== undefined && active.invited.has(emailClaimId)
      ? { ...active, invited: new Set([...active.invited].filter((claim) => claim !== emailClaimId)) }
      : active,
  );

const whileActive = (current: Workspace, change: (active: Active) => Workspace): Workspace =>
  current.status === "active" ? change(current) : current;

const withMember = (
  current: Workspace,
  userId: string,
  change: (member: Member | undefined) => Member | undefined,
): Workspace =>
  whileActive(current, (active) => {
    const members = new Map(active.members);
    const changed = change(members.get(userId));
    if (changed) members.set(userId, changed);
    else members.delete(userId);
    return { ...active, members };
  });
