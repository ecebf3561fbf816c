import { z } from "zod";
import { type Aggregate, event } from "../../kernel/decider.ts";
import { personal } from "../../kernel/personal.ts";
import { text } from "../../kernel/text.ts";
import { PlanType } from "./plans.ts";
import { WorkspaceRole } from "./roles.ts";
import { Slug } from "./slugClaim.ts";
import { WorkspaceSettings } from "./workspaceSettings.ts";

export const WorkspaceName = text(100);
/** WS-14: nobody works in an inactive one; an archived one can be looked at, and nothing in it changes. */
export const WorkspaceStatus = z.enum(["ACTIVE", "INACTIVE", "ARCHIVED"]);
type WorkspaceStatus = z.output<typeof WorkspaceStatus>;

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
  WorkspaceStatusChanged: event(InWorkspace.extend({ status: WorkspaceStatus })),
  WorkspaceSettingsChanged: event(InWorkspace.extend({ settings: WorkspaceSettings })),
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
      /** How long its place is kept; for ever where nothing is said. */
      keptUntil: z.iso.datetime().optional(),
    }),
  ),
  MemberInvitationWithdrawn: event(InWorkspace.extend({ invitationId: z.uuid(), emailClaimId: z.uuid() })),
  MemberRemoved: event(InWorkspace.extend({ userId: z.uuid() })),
  MemberRoleChanged: event(Membership),
};

type Member = { role: WorkspaceRole; invitedAt: string; acceptedAt: string };

type KeptPlace = { invitationId: string; keptUntil: string | null };

export type PresentWorkspace = {
  status: WorkspaceStatus;
  organizationId: string;
  name: string;
  slug: string;
  planType: PlanType;
  settings: WorkspaceSettings;
  createdAt: string;
  members: ReadonlyMap<string, Member>;
  /** By the claim of the address: those that are invited and no members yet. */
  invited: ReadonlyMap<string, KeptPlace>;
};
/** Of a deleted workspace there is left what has yet to be given back. */
type DeletedWorkspace = { status: "DELETED" } & Pick<PresentWorkspace, "organizationId" | "slug" | "members">;
export type Workspace = { status: "absent" } | DeletedWorkspace | PresentWorkspace;

export const workspace: Aggregate<typeof events, Workspace> = {
  category: "workspace",
  events,
  initial: { status: "absent" },
  evolve: {
    WorkspaceCreated: (_, { organizationId, name, slug, planType, ownerId, createdAt }) => ({
      status: "ACTIVE",
      organizationId,
      name,
      slug,
      planType,
      settings: { description: null, timeZone: null, language: null },
      createdAt,
      members: new Map([[ownerId, { role: "owner", invitedAt: createdAt, acceptedAt: createdAt }]]),
      invited: new Map(),
    }),
    WorkspaceRenamed: (current, { name }) => whilePresent(current, (present) => ({ ...present, name })),
    WorkspaceStatusChanged: (current, { status }) => whilePresent(current, (present) => ({ ...present, status })),
    WorkspaceSettingsChanged: (current, { settings }) => whilePresent(current, (present) => ({ ...present, settings })),
    WorkspaceDeleted: (current) =>
      whilePresent(current, ({ organizationId, slug, members }) => ({
        status: "DELETED",
        organizationId,
        slug,
        members,
      })),
    MemberAdded: (current, { userId, role, emailClaimId, invitedAt, acceptedAt }) =>
      withMember(answered(current, emailClaimId), userId, () => ({ role, invitedAt, acceptedAt })),
    MemberInvited: (current, { emailClaimId, invitationId, keptUntil = null }) =>
      whilePresent(current, (present) => ({
        ...present,
        invited: new Map(present.invited).set(emailClaimId, { invitationId, keptUntil }),
      })),
    MemberInvitationWithdrawn: (current, { emailClaimId, invitationId }) =>
      isThere(current) && current.invited.get(emailClaimId)?.invitationId === invitationId
        ? answered(current, emailClaimId)
        : current,
    MemberRemoved: (current, { userId }) => withMember(current, userId, () => undefined),
    MemberRoleChanged: (current, { userId, role }) =>
      withMember(current, userId, (member) => member && { ...member, role }),
  },
};

export const isThere = (state: Workspace): state is PresentWorkspace =>
  state.status !== "absent" && state.status !== "DELETED";

/** WS-08: a workspace is never left without an owner. */
export const isLastOwner = ({ members }: PresentWorkspace, userId: string): boolean =>
  members.get(userId)?.role === "owner" && [...members.values()].filter(({ role }) => role === "owner").length === 1;

/** WS-10: an invitation keeps a place for whoever was invited, as long as it is good. */
export const placesTaken = (there: PresentWorkspace, now: string): number =>
  there.members.size + [...there.invited.keys()].filter((claimId) => isInvited(there, claimId, now)).length;

export const isInvited = ({ invited }: PresentWorkspace, emailClaimId: string, now: string): boolean => {
  const place = invited.get(emailClaimId);
  return place !== undefined && (place.keptUntil === null || Date.parse(place.keptUntil) > Date.parse(now));
};

const answered = (current: Workspace, emailClaimId: string | undefined): Workspace =>
  whilePresent(current, (present) =>
    emailClaimId !== undefined && present.invited.has(emailClaimId)
      ? { ...present, invited: new Map([...present.invited].filter(([claim]) => claim !== emailClaimId)) }
      : present,
  );

const whilePresent = (current: Workspace, change: (present: PresentWorkspace) => Workspace): Workspace =>
  isThere(current) ? change(current) : current;

/** Also in a deleted workspace, whose members leave it one by one. */
const withMember = (
  current: Workspace,
  userId: string,
  change: (member: Member | undefined) => Member | undefined,
): Workspace => {
  if (current.status === "absent") return current;
  const members = new Map(current.members);
  const changed = change(members.get(userId));
  if (changed) members.set(userId, changed);
  else members.delete(userId);
  return { ...current, members };
};
