import { z } from "zod";
import { keptSeats, organization } from "../domain/tenancy/organization.ts";
import { command } from "../kernel/decider.ts";
import { reject } from "../kernel/rejection.ts";
import { fullOfUsers } from "./organizationMembers.ts";
import { InOrganization, inOrganization, whilePresent } from "./organizations.ts";

const OfInvitation = InOrganization.extend({ invitationId: z.uuid() });

/**
 * QUO-02: whoever is invited has a seat from then on, in the one stream in which all seats are. One that is kept no
 * longer is given back here, by the next that wants one.
 */
export const ReserveSeat = command(organization, {
  name: "ReserveSeat",
  permission: "invitation:write",
  input: OfInvitation.extend({
    emailClaimId: z.uuid(),
    workspaceId: z.uuid().nullable(),
    keptUntil: z.iso.datetime(),
  }),
  output: z.null(),
  stream: inOrganization,
  decide: (seat, current, { now }) =>
    whilePresent(current, (present) => {
      const { organizationId, emailClaimId, workspaceId } = seat;
      const kept = new Map(keptSeats(present, now));
      const ofAddress = [...kept].filter(([, other]) => other.emailClaimId === emailClaimId);
      const [invitationId] = ofAddress.find(([, other]) => other.workspaceId === workspaceId) ?? [seat.invitationId];
      if (invitationId !== seat.invitationId)
        return reject("conflict", "INVITATION_EXISTS", "This address is invited.", { invitationId });
      const full = ofAddress.length > 0 ? undefined : fullOfUsers(present, now);
      if (full) return full;
      const lapsed = [...present.seats.keys()].filter((id) => !kept.has(id));
      return [
        ...lapsed.map((id) => ({ type: "SeatReleased" as const, data: { organizationId, invitationId: id } })),
        { type: "SeatReserved", data: seat },
      ];
    }),
  answer: () => null,
});

export const ReleaseSeat = command(organization, {
  name: "ReleaseSeat",
  permission: "invitation:write",
  input: OfInvitation,
  output: z.null(),
  stream: inOrganization,
  decide: (released, current) =>
    "seats" in current && current.seats.has(released.invitationId) ? [{ type: "SeatReleased", data: released }] : [],
  answer: () => null,
});
