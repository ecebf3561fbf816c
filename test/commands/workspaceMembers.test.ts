import { describe, expect, test } from "vitest";
import {
  AddMember,
  ChangeMemberRole,
  DismissMembers,
  EndMembership,
  InviteMember,
  RemoveMember,
} from "../../src/commands/workspaceMembers.ts";
import type { WorkspaceRole } from "../../src/domain/tenancy/roles.ts";
import { workspace } from "../../src/domain/tenancy/workspace.ts";
import { fold } from "../../src/kernel/decider.ts";
import {
  added,
  created,
  deleted,
  invitation,
  invited,
  invitedAs,
  inWorkspace,
  joinedAt,
  joining,
  limit,
  member,
  removed,
  roleChanged,
  room,
  when,
  withRole,
  workspaceId,
} from "../domain/workspaceHistory.ts";
import { as, at, facts, given, id } from "../spec.ts";

describe("adding a member", () => {
  test("WS-05: gives exactly the role asked for, from now on", () =>
    given(workspace, created)
      .when(AddMember, joining("bob", "viewer"), at(joinedAt))
      .then(added("bob", "viewer", joinedAt)));

  test("WS-05: is answered with the membership", () =>
    given(workspace, created)
      .when(AddMember, joining("bob", "viewer"), at(joinedAt))
      .thenAnswers({ userId: id("bob"), workspaceId, role: "viewer", invitedAt: joinedAt, acceptedAt: joinedAt }));

  test("WS-05: one who is a member is refused, in whatever role", () => {
    const bobIsIn = given(workspace, created, added("bob", "viewer"));
    bobIsIn.when(AddMember, joining("bob", "viewer")).thenRefused("conflict", "MEMBER_EXISTS", { userId: id("bob") });
    bobIsIn.when(AddMember, joining("bob", "owner")).thenRefused("conflict", "MEMBER_EXISTS", { userId: id("bob") });
  });

  test("asked twice is refused the second time", () =>
    given(workspace, created)
      .when(AddMember, joining("bob", "viewer"))
      .again()
      .thenRefused("conflict", "MEMBER_EXISTS", { userId: id("bob") }));

  test.each([
    ["members", (index: number) => added(`guest ${index}`, "viewer")],
    ["invitations", (index: number) => invitedAs(`guest${index}@example.com`)],
  ])("WS-05 WS-10: to more %s than the organization's quota allows is refused", (_, guest) => {
    const guests = Array.from({ length: 999 }, (_, index) => guest(index));
    const full = given(workspace, created, ...guests);
    full.when(AddMember, joining("bob", "viewer")).thenRefused("conflict", "QUOTA_EXCEEDED", limit);
    full
      .when(InviteMember, { workspaceId, ...invitation("viewer"), ...room })
      .thenRefused("conflict", "QUOTA_EXCEEDED", limit);
    const [, ...fewer] = guests;
    given(workspace, created, ...fewer)
      .when(AddMember, joining("bob", "viewer"), at(joinedAt))
      .then(added("bob", "viewer"));
  });

  test("WS-05: who was invited has a place where all others are taken", () => {
    const guests = Array.from({ length: 998 }, (_, index) => added(`guest ${index}`, "viewer"));
    const answering = { ...joining("bob", "viewer"), emailClaimId: id("grace@example.com") };
    given(workspace, created, ...guests, invited("viewer"))
      .when(AddMember, answering, at(joinedAt))
      .then({
        type: "MemberAdded",
        data: {
          ...inWorkspace,
          userId: id("bob"),
          role: "viewer",
          ...when(joinedAt),
          emailClaimId: id("grace@example.com"),
        },
      });
  });

  test("one who was removed can come back", () =>
    given(workspace, created, added("bob", "admin"), removed("bob"))
      .when(AddMember, joining("bob", "viewer"), at(joinedAt))
      .then(added("bob", "viewer")));

  test("WS-07: as an owner takes an owner", () => {
    const two = given(workspace, created, added("bob", "admin"));
    two.when(AddMember, joining("eve", "owner"), { ...as("ada"), now: joinedAt }).then(added("eve", "owner"));
    two.when(AddMember, joining("eve", "owner"), as("bob")).thenRefused("forbidden", "OWNER_REQUIRED");
    two.when(AddMember, joining("eve", "owner"), as("zoe")).thenRefused("forbidden", "OWNER_REQUIRED");
  });
});

describe("inviting an address without an account", () => {
  const invite = (role: WorkspaceRole) => ({ workspaceId, ...invitation(role), ...room });

  test("WS-05: is recorded", () =>
    given(workspace, created).when(InviteMember, invite("member")).then(invited("member")));

  test("WS-05: is answered as a membership that is not accepted", () =>
    given(workspace, created)
      .when(InviteMember, invite("member"))
      .thenAnswers({ userId: null, workspaceId, role: "member", invitedAt: facts.now, acceptedAt: null }));

  test("gives nobody a role", () => {
    const state = fold(workspace, [created, invited("admin")]);
    expect(state.status === "ACTIVE" && [...state.members.keys()]).toEqual([id("ada")]);
  });

  test("WS-05: twice is refused", () =>
    given(workspace, created, invited("member"))
      .when(InviteMember, { ...invite("member"), invitationId: id("another invitation") })
      .thenRefused("conflict", "MEMBER_EXISTS"));
  test("WS-05: that was sent again is recorded again", () =>
    given(workspace, created, invited("member")).when(InviteMember, invite("admin")).then(invited("admin")));

  test("WS-07: as an owner takes an owner", () =>
    given(workspace, created, added("bob", "admin"))
      .when(InviteMember, invite("owner"), as("bob"))
      .thenRefused("forbidden", "OWNER_REQUIRED"));

  test("AUTH-01: the address is the same in whatever case it is written", () =>
    given(workspace, created)
      .when(InviteMember, { ...invite("member"), email: " Grace@Example.COM" })
      .then(invited("member")));
});

describe("removing a member", () => {
  const three = given(workspace, created, added("bob", "admin"), added("eve", "owner"));

  test("WS-06: is recorded", () => three.when(RemoveMember, member("bob")).then(removed("bob")));
  test("answers nothing", () => three.when(RemoveMember, member("bob")).thenAnswers(null));
  test("WS-06: a second time there is none", () =>
    three.when(RemoveMember, member("bob")).again().thenRefused("missing", "RESOURCE_NOT_FOUND"));
  test("who is none cannot be removed", () =>
    three.when(RemoveMember, member("zoe")).thenRefused("missing", "RESOURCE_NOT_FOUND"));
  test("admins remove themselves and each other", () =>
    three.when(RemoveMember, member("bob"), as("bob")).then(removed("bob")));

  test("WS-07: an owner is removed by an owner only", () => {
    three.when(RemoveMember, member("eve"), as("bob")).thenRefused("forbidden", "OWNER_REQUIRED");
    three.when(RemoveMember, member("eve"), as("ada")).then(removed("eve"));
    three.when(RemoveMember, member("eve"), as("eve")).then(removed("eve"));
  });

  test("WS-08: the last owner stays", () => {
    given(workspace, created).when(RemoveMember, member("ada")).thenRefused("conflict", "LAST_OWNER");
    given(workspace, created, added("eve", "owner"), removed("eve"))
      .when(RemoveMember, member("ada"))
      .thenRefused("conflict", "LAST_OWNER");
  });
});

describe("changing a member's role", () => {
  const three = given(workspace, created, added("bob", "admin"), added("eve", "owner"));

  test("WS-07: is recorded", () =>
    three.when(ChangeMemberRole, withRole("bob", "viewer"), as("bob")).then(roleChanged("bob", "viewer")));

  test("WS-07: is answered with the membership as it is now", () =>
    three
      .when(ChangeMemberRole, withRole("bob", "viewer"))
      .thenAnswers({ userId: id("bob"), workspaceId, role: "viewer", invitedAt: joinedAt, acceptedAt: joinedAt }));

  test("to the role they have changes nothing", () => {
    three.when(ChangeMemberRole, withRole("bob", "viewer")).again().thenNothing();
    given(workspace, created).when(ChangeMemberRole, withRole("ada", "owner")).thenNothing();
  });

  test("who is none has no role to change", () =>
    three.when(ChangeMemberRole, withRole("zoe", "viewer")).thenRefused("missing", "RESOURCE_NOT_FOUND"));

  test("WS-07: only owners give ownership and take it", () => {
    three.when(ChangeMemberRole, withRole("bob", "owner"), as("bob")).thenRefused("forbidden", "OWNER_REQUIRED");
    three.when(ChangeMemberRole, withRole("eve", "admin"), as("bob")).thenRefused("forbidden", "OWNER_REQUIRED");
    three.when(ChangeMemberRole, withRole("bob", "owner"), as("ada")).then(roleChanged("bob", "owner"));
    three.when(ChangeMemberRole, withRole("eve", "admin"), as("ada")).then(roleChanged("eve", "admin"));
  });

  test("WS-08: the last owner keeps the role", () =>
    given(workspace, created, added("bob", "admin"))
      .when(ChangeMemberRole, withRole("ada", "admin"))
      .thenRefused("conflict", "LAST_OWNER"));

  test("WS-08: once another owns it too, the first may step down", () =>
    given(workspace, created, added("bob", "admin"), roleChanged("bob", "owner"))
      .when(ChangeMemberRole, withRole("ada", "viewer"))
      .then(roleChanged("ada", "viewer")));
});

test("RBAC-07: a system admin gives and takes ownership without owning anything", () => {
  const byPlatform = true;
  const three = given(workspace, created, added("bob", "admin"), added("eve", "owner"));
  three
    .when(ChangeMemberRole, { ...withRole("bob", "owner"), byPlatform }, as("root"))
    .then(roleChanged("bob", "owner"));
  three.when(RemoveMember, { ...member("eve"), byPlatform }, as("root")).then(removed("eve"));
  given(workspace, created)
    .when(AddMember, { ...joining("eve", "owner"), byPlatform }, { ...as("root"), now: joinedAt })
    .then(added("eve", "owner"));
  given(workspace, created)
    .when(RemoveMember, { ...member("ada"), byPlatform }, as("root"))
    .thenRefused("conflict", "LAST_OWNER");
});

describe("RBAC-08: nobody raises themselves", () => {
  test("an organization's admin who is a viewer of the workspace stays one there", () =>
    given(workspace, created, added("zoe", "viewer"))
      .when(ChangeMemberRole, withRole("zoe", "admin"), as("zoe"))
      .thenRefused("forbidden", "OWN_ROLE"));

  test("but anybody may step down", () =>
    given(workspace, created, added("bob", "admin"))
      .when(ChangeMemberRole, withRole("bob", "viewer"), as("bob"))
      .then(roleChanged("bob", "viewer")));
});

describe("ending the membership of who left the organization", () => {
  const leaving = { ...member("bob"), leftAt: "2026-02-03T00:00:00.000Z" };

  test("removes them, once", () => {
    const ending = given(workspace, created, added("bob", "admin")).when(EndMembership, leaving);
    ending.then(removed("bob"));
    ending.again().thenNothing();
    ending.thenAnswers(null);
  });

  test("keeps what they were given after they came back", () =>
    given(workspace, created, added("bob", "viewer", "2026-02-04T00:00:00.000Z"))
      .when(EndMembership, leaving)
      .thenNothing());

  test("WS-08: leaves the only owner where they are", () =>
    given(workspace, created)
      .when(EndMembership, { ...leaving, userId: id("ada") })
      .thenNothing());
});

describe("dismissing the members of a deleted workspace", () => {
  test("WS-11: removes every one, the owners too, once", () => {
    const dismissing = given(workspace, created, added("bob", "viewer"), deleted).when(DismissMembers, { workspaceId });
    dismissing.then(removed("ada"), removed("bob"));
    dismissing.again().thenNothing();
    dismissing.thenAnswers(null);
  });

  test("does nothing to one that is there", () =>
    given(workspace, created).when(DismissMembers, { workspaceId }).thenNothing());
});
