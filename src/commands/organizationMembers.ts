import { z } from "zod";
import {
  isLastAdmin,
  isPresent,
  keptSeats,
  type Organization,
  OrganizationMemberStatus,
  organization,
  type PresentOrganization,
  seatsTaken,
} from "../domain/tenancy/organization.ts";
import { OrganizationRole } from "../domain/tenancy/roles.ts";
import { command } from "../kernel/decider.ts";
import { type Rejection, reject } from "../kernel/rejection.ts";
import { InOrganization, inOrganization, quotaExceeded, whilePresent } from "./organizations.ts";

const OfMember = InOrganization.extend({ userId: z.uuid() });

export const OrganizationMemberView = z.object({
  userId: z.uuid(),
  organizationId: z.uuid(),
  role: OrganizationRole,
  status: OrganizationMemberStatus,
  invitedAt: z.iso.datetime(),
  acceptedAt: z.iso.datetime(),
});

export const AddOrganizationMember = command(organization, {
  name: "AddOrganizationMember",
  permission: "organization_member:write",
  input: OfMember.extend({
    role: OrganizationRole,
    emailClaimId: z.uuid().optional(),
    invitedAt: z.iso.datetime().optional(),
  }),
  output: OrganizationMemberView,
  stream: inOrganization,
  decide: ({ invitedAt, ...added }, current, { now }) =>
    whilePresent(current, (present) => {
      const member = present.members.get(added.userId);
      if (member?.status === "deactivated")
        return reject("conflict", "MEMBER_DEACTIVATED", "This member of the organization was deactivated.");
      if (member) return memberExists(added.userId);
      const full = isAwaited(present, added.emailClaimId, now) ? undefined : fullOfUsers(present, now);
      return (
        full ?? [{ type: "OrganizationMemberAdded", data: { ...added, invitedAt: invitedAt ?? now, acceptedAt: now } }]
      );
    }),
  answer: memberView,
});

export const ChangeOrganizationMemberRole = command(organization, {
  name: "ChangeOrganizationMemberRole",
  permission: "organization_member:write",
  input: OfMember.extend({ role: OrganizationRole }),
  output: OrganizationMemberView,
  stream: inOrganization,
  decide: (changed, current) =>
    whileMember(current, changed.userId, (present, { role }) => {
      if (role === changed.role) return [];
      if (isLastAdmin(present, changed.userId)) return lastAdmin();
      return [{ type: "OrganizationMemberRoleChanged", data: changed }];
    }),
  answer: memberView,
});

/** Who is deactivated keeps all memberships, and can use none of them; their place is free for somebody else. */
export const SetOrganizationMemberStatus = command(organization, {
  name: "SetOrganizationMemberStatus",
  permission: "organization_member:write",
  input: OfMember.extend({ status: OrganizationMemberStatus }),
  output: OrganizationMemberView,
  stream: inOrganization,
  decide: ({ organizationId, userId, status }, current, { now }) =>
    whileMember(current, userId, (present, member) => {
      if (member.status === status) return [];
      const data = { organizationId, userId };
      if (status === "active") return fullOfUsers(present, now) ?? [{ type: "OrganizationMemberReactivated", data }];
      return isLastAdmin(present, userId) ? lastAdmin() : [{ type: "OrganizationMemberDeactivated", data }];
    }),
  answer: memberView,
});

/** Their memberships of workspaces count for nothing from now on, and are ended by a reaction. */
export const RemoveOrganizationMember = command(organization, {
  name: "RemoveOrganizationMember",
  permission: "organization_member:delete",
  input: OfMember,
  output: z.null(),
  stream: inOrganization,
  decide: (removed, current) =>
    whileMember(current, removed.userId, (present) =>
      isLastAdmin(present, removed.userId) ? lastAdmin() : [{ type: "OrganizationMemberRemoved", data: removed }],
    ),
  answer: () => null,
});

type Member = z.output<typeof OrganizationMemberView>;

const whileMember = <Decision>(
  current: Organization,
  userId: string,
  decide: (present: PresentOrganization, member: Pick<Member, "role" | "status">) => Decision,
): Decision | Rejection =>
  whilePresent(current, (present) => {
    const member = present.members.get(userId);
    return member ? decide(present, member) : reject("missing", "RESOURCE_NOT_FOUND", "There is no such member.");
  });

/** The seat that was kept for an address is whoever's that has it. */
const isAwaited = (present: PresentOrganization, emailClaimId: string | undefined, now: string): boolean =>
  keptSeats(present, now).some(([, seat]) => seat.emailClaimId === emailClaimId);

export const fullOfUsers = (present: PresentOrganization, now: string): Rejection | undefined => {
  const [used, limit] = [seatsTaken(present, now), present.quotas.maxUsers];
  return used < limit ? undefined : quotaExceeded("maxUsers", limit, used);
};

function memberView({
  state,
  input: { organizationId, userId },
}: {
  state: Organization;
  input: { organizationId: string; userId: string };
}): Member {
  const member = isPresent(state) ? state.members.get(userId) : undefined;
  if (!member) throw new Error("a member that was added or changed is there");
  return { userId, organizationId, ...member };
}

export const memberExists = (userId: string): Rejection =>
  reject("conflict", "MEMBER_EXISTS", "This user is a member of the organization.", { userId });
const lastAdmin = (): Rejection =>
  reject("conflict", "LAST_ADMIN", "An organization keeps at least one admin who can act.");
