import { z } from "zod";
import { type Aggregate, event } from "../../kernel/decider.ts";
import { text } from "../../kernel/text.ts";
import { NameClaim } from "./nameClaim.ts";
import { Compliance, OrganizationSettings } from "./organizationSettings.ts";
import { PlanType, Quotas } from "./plans.ts";
import { OrganizationRole } from "./roles.ts";
import { Slug } from "./slugClaim.ts";

export const OrganizationName = text(100);

const InOrganization = z.object({ organizationId: z.uuid() });
const OfMember = InOrganization.extend({ userId: z.uuid() });
const Membership = OfMember.extend({ role: OrganizationRole });
const OfInvitation = InOrganization.extend({ invitationId: z.uuid() });
/** What is kept for whoever was invited, into the organization itself where no workspace is named. */
const Seat = z.object({ emailClaimId: z.uuid(), workspaceId: z.uuid().nullable(), keptUntil: z.iso.datetime() });

const events = {
  OrganizationCreated: event(
    InOrganization.extend({
      name: OrganizationName,
      nameClaim: NameClaim,
      slug: Slug,
      isPersonal: z.boolean(),
      plan: PlanType,
      quotas: Quotas,
      createdBy: z.uuid(),
      createdAt: z.iso.datetime(),
    }),
  ),
  OrganizationRenamed: event(
    InOrganization.extend({ name: OrganizationName, nameClaim: NameClaim, formerClaim: NameClaim }),
  ),
  OrganizationDeactivated: event(InOrganization),
  OrganizationActivated: event(InOrganization),
  OrganizationDeleted: event(InOrganization.extend({ slug: Slug, nameClaim: NameClaim })),
  OrganizationSettingsChanged: event(InOrganization.extend({ settings: OrganizationSettings })),
  OrganizationComplianceChanged: event(InOrganization.extend({ compliance: Compliance })),
  OrganizationPlanChanged: event(InOrganization.extend({ plan: PlanType, quotas: Quotas })),
  OrganizationQuotasChanged: event(InOrganization.extend({ quotas: Quotas })),
  OrganizationMemberAdded: event(
    Membership.extend({
      /** Of the address they were added by: the seat that was kept for it is theirs. */
      emailClaimId: z.uuid().optional(),
      invitedAt: z.iso.datetime(),
      acceptedAt: z.iso.datetime(),
    }),
  ),
  OrganizationMemberRoleChanged: event(Membership),
  OrganizationMemberDeactivated: event(OfMember),
  OrganizationMemberReactivated: event(OfMember),
  OrganizationMemberRemoved: event(OfMember),
  SeatReserved: event(OfInvitation.extend({ ...Seat.shape })),
  SeatReleased: event(OfInvitation),
  WorkspaceAdmitted: event(InOrganization.extend({ workspaceId: z.uuid() })),
  WorkspaceReleased: event(InOrganization.extend({ workspaceId: z.uuid() })),
};

export const OrganizationMemberStatus = z.enum(["active", "deactivated"]);
type Member = {
  role: OrganizationRole;
  status: z.output<typeof OrganizationMemberStatus>;
  invitedAt: string;
  acceptedAt: string;
};

type Present = {
  status: "ACTIVE" | "INACTIVE";
  name: string;
  nameClaim: NameClaim;
  slug: string;
  isPersonal: boolean;
  plan: PlanType;
  quotas: Quotas;
  settings: OrganizationSettings;
  compliance: Compliance;
  createdBy: string;
  createdAt: string;
  members: ReadonlyMap<string, Member>;
  /** By invitation. One that is kept no longer counts for nothing. */
  seats: ReadonlyMap<string, z.output<typeof Seat>>;
  /** Those that exist, and those that were given a place and are being made. */
  workspaces: ReadonlySet<string>;
};
export type Organization = { status: "absent" } | { status: "DELETED"; workspaces: ReadonlySet<string> } | Present;
export type PresentOrganization = Present;

/** The tenant. Who created it is its first admin. */
export const organization: Aggregate<typeof events, Organization> = {
  category: "organization",
  events,
  initial: { status: "absent" },
  evolve: {
    OrganizationCreated: (_, { organizationId: _id, ...created }) => founded(created),
    OrganizationRenamed: (current, { name, nameClaim }) => changed(current, { name, nameClaim }),
    OrganizationDeactivated: (current) => changed(current, { status: "INACTIVE" }),
    OrganizationActivated: (current) => changed(current, { status: "ACTIVE" }),
    OrganizationDeleted: (current) =>
      current.status === "absent" ? current : { status: "DELETED", workspaces: current.workspaces },
    OrganizationSettingsChanged: (current, { settings }) => changed(current, { settings }),
    OrganizationComplianceChanged: (current, { compliance }) => changed(current, { compliance }),
    OrganizationPlanChanged: (current, { plan, quotas }) => changed(current, { plan, quotas }),
    OrganizationQuotasChanged: (current, { quotas }) => changed(current, { quotas }),
    OrganizationMemberAdded: (current, { userId, role, emailClaimId, invitedAt, acceptedAt }) =>
      withSeats(
        withMember(current, userId, () => ({ role, status: "active", invitedAt, acceptedAt })),
        (seats) => [...seats].filter(([, seat]) => seat.emailClaimId !== emailClaimId),
      ),
    OrganizationMemberRoleChanged: (current, { userId, role }) =>
      withMember(current, userId, (member) => member && { ...member, role }),
    OrganizationMemberDeactivated: (current, { userId }) =>
      withMember(current, userId, (member) => member && { ...member, status: "deactivated" }),
    OrganizationMemberReactivated: (current, { userId }) =>
      withMember(current, userId, (member) => member && { ...member, status: "active" }),
    OrganizationMemberRemoved: (current, { userId }) => withMember(current, userId, () => undefined),
    SeatReserved: (current, { invitationId, organizationId: _id, ...seat }) =>
      withSeats(current, (seats) => [...seats, [invitationId, seat]]),
    SeatReleased: (current, { invitationId }) =>
      withSeats(current, (seats) => [...seats].filter(([id]) => id !== invitationId)),
    WorkspaceAdmitted: (current, { workspaceId }) =>
      withWorkspaces(current, (workspaces) => new Set(workspaces).add(workspaceId)),
    WorkspaceReleased: (current, { workspaceId }) =>
      withWorkspaces(current, (workspaces) => new Set([...workspaces].filter((id) => id !== workspaceId))),
  },
};

export const isPresent = (state: Organization): state is Present =>
  state.status === "ACTIVE" || state.status === "INACTIVE";

/** The role somebody acts with: who was deactivated has none. */
export const activeRole = (state: Organization, userId: string): OrganizationRole | undefined => {
  const member = isPresent(state) ? state.members.get(userId) : undefined;
  return member?.status === "active" ? member.role : undefined;
};

/** RBAC-08: an organization is never left without an admin who can act. */
export const isLastAdmin = (state: Present, userId: string): boolean =>
  activeRole(state, userId) === "admin" &&
  [...state.members.values()].filter(({ role, status }) => role === "admin" && status === "active").length === 1;

/** Who was deactivated makes room for somebody else. */
export const usersOf = ({ members }: Present): number =>
  [...members.values()].filter(({ status }) => status === "active").length;

/** QUO-02: members, and the addresses that are invited: one that is invited into several places takes one seat. */
export const seatsTaken = (state: Present, now: string): number =>
  usersOf(state) + new Set(keptSeats(state, now).map(([, { emailClaimId }]) => emailClaimId)).size;

export const keptSeats = ({ seats }: Present, now: string): [invitationId: string, seat: z.output<typeof Seat>][] =>
  [...seats].filter(([, { keptUntil }]) => Date.parse(keptUntil) > Date.parse(now));

type Founding = Pick<
  Present,
  "name" | "nameClaim" | "slug" | "isPersonal" | "plan" | "quotas" | "createdBy" | "createdAt"
>;

const founded = (founding: Founding): Present => {
  const { createdBy, createdAt } = founding;
  return {
    ...founding,
    status: "ACTIVE",
    settings: { industry: null, cloudProvider: null, projectManagementTool: null },
    compliance: { frameworks: [] },
    members: new Map([[createdBy, { role: "admin", status: "active", invitedAt: createdAt, acceptedAt: createdAt }]]),
    seats: new Map(),
    workspaces: new Set(),
  };
};

const changed = (current: Organization, change: Partial<Present>): Organization =>
  isPresent(current) ? { ...current, ...change } : current;

const withMember = (
  current: Organization,
  userId: string,
  change: (member: Member | undefined) => Member | undefined,
): Organization => {
  if (!isPresent(current)) return current;
  const members = new Map(current.members);
  const after = change(members.get(userId));
  if (after) members.set(userId, after);
  else members.delete(userId);
  return { ...current, members };
};

type Seats = Present["seats"];
const withSeats = (
  current: Organization,
  change: (seats: Seats) => Iterable<readonly [string, z.output<typeof Seat>]>,
): Organization => (isPresent(current) ? { ...current, seats: new Map(change(current.seats)) } : current);

/** Of a deleted organization too: its workspaces are let go of one by one. */
const withWorkspaces = (
  current: Organization,
  change: (workspaces: ReadonlySet<string>) => ReadonlySet<string>,
): Organization => (current.status === "absent" ? current : { ...current, workspaces: change(current.workspaces) });
