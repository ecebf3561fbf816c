import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  AcceptInvitation,
  IssueInvitation,
  presented,
  RenewInvitation,
  RevokeInvitation,
} from "../../src/commands/invitations.ts";
import { AddOrganizationMember } from "../../src/commands/organizationMembers.ts";
import { ReleaseSeat, ReserveSeat } from "../../src/commands/seats.ts";
import { JoinWorkspace, WithdrawMemberInvitation } from "../../src/commands/workspaceMembers.ts";
import { invitation } from "../../src/domain/tenancy/invitation.ts";
import { isPresent, organization, seatsTaken } from "../../src/domain/tenancy/organization.ts";
import { workspace } from "../../src/domain/tenancy/workspace.ts";
import { type EventOf, fold } from "../../src/kernel/decider.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { acme, founded, gone, memberRemoved, ofPerson } from "../domain/organizationHistory.ts";
import { at, facts, given, id } from "../spec.ts";

const [invitationId, emailClaimId, workspaceId] = [id("invitation"), id("grace's address"), id("wonderland")];
const [firstHash, secondHash] = ["a".repeat(64), "b".repeat(64)];
const expiresAt = "2026-03-08T09:00:00.000Z";
const afterwards = "2026-03-08T09:00:00.001Z";
const terms = { invitationId, ...acme, workspaceId: null, role: "member", emailClaimId } as const;
const offered = { ...terms, email: "grace@example.com", tokenHash: firstHash, expiresAt };
type InvitationEvent = EventOf<typeof invitation.events>;
const issued: InvitationEvent = {
  type: "InvitationIssued",
  data: { ...offered, invitedBy: id("ada"), invitedAt: facts.now },
};
const place = { invitationId, ...acme, workspaceId: null };
const renewal = { invitationId, tokenHash: secondHash, expiresAt: "2026-03-15T09:00:00.000Z" };
const renewed: InvitationEvent = { type: "InvitationRenewed", data: { ...place, ...renewal } };
const revoked: InvitationEvent = { type: "InvitationRevoked", data: { ...place, emailClaimId } };
const joining = { ...terms, userId: id("grace"), invitedAt: facts.now, acceptedAt: facts.now };
const accepted: InvitationEvent = { type: "InvitationAccepted", data: joining };
const accepting = { invitationId, tokenHash: firstHash, userId: id("grace") };

describe("an invitation", () => {
  test("INV-01 INV-04: is issued once, and says who invited whom, when, and for how long", () => {
    const issuing = given(invitation).when(IssueInvitation, offered);
    issuing.then(issued);
    const { invitationId: _, emailClaimId: _claim, tokenHash: _hash, ...seen } = offered;
    issuing.thenAnswers({
      ...{ id: invitationId, ...seen, status: "open" },
      ...{ invitedBy: id("ada"), invitedAt: facts.now },
    });
    issuing.again().thenRefused("conflict", "INVITATION_EXISTS", { invitationId });
  });

  test("INV-01 INV-03: is accepted by whoever has the token, and once alone", () => {
    const joined = given(invitation, issued).when(AcceptInvitation, accepting);
    joined.then(accepted);
    joined.thenAnswers(joining);
    joined.again().thenRefused("gone", "INVITATION_USED");
  });

  test("INV-04: is nobody's without its newest token", () => {
    given(invitation).when(AcceptInvitation, accepting).thenRefused("missing", "RESOURCE_NOT_FOUND");
    const other = { ...accepting, tokenHash: secondHash };
    given(invitation, issued).when(AcceptInvitation, other).thenRefused("missing", "RESOURCE_NOT_FOUND");
    given(invitation, issued, renewed).when(AcceptInvitation, accepting).thenRefused("missing", "RESOURCE_NOT_FOUND");
    given(invitation, issued, renewed).when(AcceptInvitation, other).then(accepted);
  });

  test("INV-01 INV-04: is good until it expires, and again once it was sent anew", () => {
    given(invitation, issued)
      .when(AcceptInvitation, accepting, at(expiresAt))
      .thenRefused("gone", "INVITATION_EXPIRED");
    given(invitation, issued).when(RenewInvitation, renewal, at(afterwards)).then(renewed);
    given(invitation, issued, renewed)
      .when(AcceptInvitation, { ...accepting, tokenHash: secondHash }, at(afterwards))
      .then({ type: "InvitationAccepted", data: { ...joining, acceptedAt: afterwards } });
  });

  test("INV-04: is revoked, once, and is then neither accepted nor sent again", () => {
    const revoking = given(invitation, issued).when(RevokeInvitation, { invitationId });
    revoking.then(revoked);
    revoking.thenAnswers(null);
    revoking.again().thenNothing();
    const after = given(invitation, issued, revoked);
    after.when(AcceptInvitation, accepting).thenRefused("gone", "INVITATION_REVOKED");
    after.when(RenewInvitation, renewal).thenRefused("gone", "INVITATION_REVOKED");
  });

  test("INV-04: that was accepted is neither revoked nor sent again", () => {
    const after = given(invitation, issued, accepted);
    after.when(RevokeInvitation, { invitationId }).thenRefused("gone", "INVITATION_USED");
    after.when(RenewInvitation, renewal).thenRefused("gone", "INVITATION_USED");
    given(invitation).when(RevokeInvitation, { invitationId }).thenRefused("missing", "RESOURCE_NOT_FOUND");
    given(invitation).when(RenewInvitation, renewal).thenRefused("missing", "RESOURCE_NOT_FOUND");
  });

  test("INV-01: in whatever order it is asked, it is accepted at most once, and never after a revocation", () => {
    const asks = fc.array(fc.constantFrom("accept", "revoke", "renew", "accept anew"), { maxLength: 20 });
    fc.assert(
      fc.property(asks, (asked) => {
        const history: InvitationEvent[] = [issued];
        for (const ask of asked) {
          const state = fold(invitation, history);
          const presenting = { ...accepting, tokenHash: ask === "accept" ? firstHash : secondHash };
          const decision =
            ask === "revoke"
              ? RevokeInvitation.decide({ invitationId }, state, facts)
              : ask === "renew"
                ? RenewInvitation.decide(renewal, state, facts)
                : AcceptInvitation.decide(presenting, state, facts);
          if (!isRejection(decision)) history.push(...decision);
        }
        const ends = history.filter(({ type }) => type === "InvitationAccepted" || type === "InvitationRevoked");
        expect(ends.length).toBeLessThanOrEqual(1);
        expect(ends.length === 0 || ends[0] === history.at(-1)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test("a text that is no token is nobody's", () => {
    for (const text of ["", ".", "x", "no-uuid.secret", `${invitationId}`]) expect(presented(text)).toBeUndefined();
    expect(presented(`${invitationId}.x`)?.invitationId).toBe(invitationId);
  });
});

type OrganizationEvent = EventOf<typeof organization.events>;
const seatOf = (invited: string, address = invited, keptUntil = expiresAt) => ({
  ...acme,
  ...{ invitationId: id(invited), emailClaimId: id(address), workspaceId: null, keptUntil },
});
const reserved = (...seat: Parameters<typeof seatOf>): OrganizationEvent => ({
  type: "SeatReserved",
  data: seatOf(...seat),
});
const released = (invited: string): OrganizationEvent => ({
  type: "SeatReleased",
  data: { ...acme, invitationId: id(invited) },
});
const full = { quota: "maxUsers", limit: 5, used: 5 };
const four = ["one", "two", "three", "four"].map((address) => reserved(address));

describe("a seat in an organization", () => {
  test("QUO-02: is taken by an invitation, and kept for longer by the same one", () => {
    const inviting = given(organization, founded).when(ReserveSeat, seatOf("one"));
    inviting.then(reserved("one"));
    inviting.thenAnswers(null);
    inviting.again().then(reserved("one"));
  });

  test("INV-01: is one for each address in each place", () => {
    const other = { ...seatOf("another", "one"), workspaceId };
    const invited = given(organization, founded, ...four);
    invited
      .when(ReserveSeat, seatOf("another", "one"))
      .thenRefused("conflict", "INVITATION_EXISTS", { invitationId: id("one") });
    invited.when(ReserveSeat, other).then({ type: "SeatReserved", data: other });
  });

  test("QUO-02: is refused where members and invitations together are as many as may be", () => {
    given(organization, founded, ...four)
      .when(ReserveSeat, seatOf("five"))
      .thenRefused("conflict", "QUOTA_EXCEEDED", full);
    given(organization, founded, ...four)
      .when(AddOrganizationMember, { ...ofPerson("bob"), role: "viewer" })
      .thenRefused("conflict", "QUOTA_EXCEEDED", full);
  });

  test("QUO-02: is given back when the invitation is revoked, once", () => {
    const giving = given(organization, founded, ...four).when(ReleaseSeat, { ...acme, invitationId: id("one") });
    giving.then(released("one"));
    giving.thenAnswers(null);
    giving.again().thenNothing();
    given(organization, founded, gone)
      .when(ReleaseSeat, { ...acme, invitationId: id("one") })
      .thenNothing();
    given(organization, founded, ...four, released("one"))
      .when(ReserveSeat, seatOf("five"))
      .then(reserved("five"));
  });

  test("QUO-02: is free again once it was kept long enough, whoever wants it", () => {
    const later = "2026-04-01T09:00:00.000Z";
    given(organization, founded, ...four)
      .when(ReserveSeat, seatOf("five", "five", later), at(expiresAt))
      .then(...["one", "two", "three", "four"].map(released), reserved("five", "five", later));
  });

  test("QUO-02 INV-03: is whoever's that has the address", () => {
    const joining = { ...ofPerson("bob"), role: "viewer", emailClaimId: id("one") } as const;
    const joined = given(organization, founded, ...four).when(AddOrganizationMember, joining);
    joined.then({
      type: "OrganizationMemberAdded",
      data: { ...joining, invitedAt: facts.now, acceptedAt: facts.now },
    });
    joined.again().thenRefused("conflict", "MEMBER_EXISTS", { userId: id("bob") });
  });

  test("QUO-02: members and addresses that are invited are never more than the quota allows", () => {
    const name = fc.constantFrom("one", "two", "three", "four", "five", "six", "seven");
    const ask = fc.record({ asks: fc.constantFrom("invite", "join", "revoke", "leave", "wait"), name });
    fc.assert(
      fc.property(fc.array(ask, { maxLength: 60 }), (asked) => {
        const history: OrganizationEvent[] = [founded];
        let hours = 0;
        for (const { asks, name: who } of asked) {
          const now = new Date(Date.parse(facts.now) + hours * 3_600_000).toISOString();
          const keptUntil = new Date(Date.parse(now) + 2 * 3_600_000).toISOString();
          const state = fold(organization, history);
          const told = { ...facts, now };
          if (asks === "wait") hours += 1;
          const decision = {
            invite: () => ReserveSeat.decide(seatOf(who, who, keptUntil), state, told),
            join: () =>
              AddOrganizationMember.decide({ ...ofPerson(who), role: "viewer", emailClaimId: id(who) }, state, told),
            revoke: () => ReleaseSeat.decide({ ...acme, invitationId: id(who) }, state, told),
            leave: () => (isPresent(state) && state.members.has(id(who)) ? [memberRemoved(who)] : []),
            wait: () => [],
          }[asks]();
          if (!isRejection(decision)) history.push(...decision);
          const after = fold(organization, history);
          expect(isPresent(after) && seatsTaken(after, now)).toBeLessThanOrEqual(5);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("a place in a workspace", () => {
  const inWorkspace = { workspaceId, ...acme };
  const created = {
    type: "WorkspaceCreated",
    data: {
      ...inWorkspace,
      ...{ name: "Wonderland", slug: "wonderland", ownerId: id("ada"), createdAt: facts.now },
      planType: "free",
    },
  } as const;
  const invited = {
    type: "MemberInvited",
    data: {
      ...inWorkspace,
      ...{ invitationId, emailClaimId, email: "grace@example.com", invitedAt: facts.now },
      ...{ role: "owner" as const, keptUntil: expiresAt },
    },
  } as const;
  const withdrawing = { workspaceId, invitationId, emailClaimId };

  test("INV-04: is given back when the invitation is revoked, once, and by that invitation alone", () => {
    const giving = given(workspace, created, invited).when(WithdrawMemberInvitation, withdrawing);
    giving.then({ type: "MemberInvitationWithdrawn", data: { ...inWorkspace, invitationId, emailClaimId } });
    giving.thenAnswers(null);
    giving.again().thenNothing();
    const other = { ...withdrawing, invitationId: id("another") };
    given(workspace, created, invited).when(WithdrawMemberInvitation, other).thenNothing();
    given(workspace).when(WithdrawMemberInvitation, withdrawing).thenNothing();
  });

  test("WS-05 INV-03: is taken with exactly the role that was offered, once", () => {
    const member = { workspaceId, userId: id("grace"), role: "owner", emailClaimId, invitedAt: facts.now } as const;
    const joined = given(workspace, created, invited).when(JoinWorkspace, member);
    joined.then({ type: "MemberAdded", data: { ...member, ...acme, acceptedAt: facts.now } });
    joined.thenAnswers(null);
    joined.again().thenNothing();
    given(workspace).when(JoinWorkspace, member).thenRefused("missing", "RESOURCE_NOT_FOUND");
  });
});
