import { describe, expect, test } from "vitest";
import {
  AddMember,
  ChangeMemberRole,
  CreateWorkspace,
  DeleteWorkspace,
  InviteMember,
  RemoveMember,
  RenameWorkspace,
} from "../../src/commands/workspaces.ts";
import type { WorkspaceRole } from "../../src/domain/tenancy/roles.ts";
import { workspace } from "../../src/domain/tenancy/workspace.ts";
import { type EventOf, fold } from "../../src/kernel/decider.ts";
import { accepts, as, at, facts, given, id } from "../spec.ts";

type WorkspaceEvent = EventOf<typeof workspace.events>;

const workspaceId = id("wonderland");
const inWorkspace = { workspaceId, organizationId: id("acme") };
const createdAt = "2026-02-01T00:00:00.000Z";
const joinedAt = "2026-02-02T00:00:00.000Z";

/** Ada's. */
const created: WorkspaceEvent = {
  type: "WorkspaceCreated",
  data: {
    ...inWorkspace,
    name: "Wonderland",
    slug: "wonderland",
    planType: "free",
    ownerId: id("ada"),
    createdAt,
  },
};
const renamed = (name: string): WorkspaceEvent => ({ type: "WorkspaceRenamed", data: { ...inWorkspace, name } });
const deleted: WorkspaceEvent = { type: "WorkspaceDeleted", data: inWorkspace };
const added = (person: string, role: WorkspaceRole, when = joinedAt): WorkspaceEvent => ({
  type: "MemberAdded",
  data: { ...inWorkspace, userId: id(person), role, invitedAt: when, acceptedAt: when },
});
const removed = (person: string): WorkspaceEvent => ({
  type: "MemberRemoved",
  data: { ...inWorkspace, userId: id(person) },
});
const roleChanged = (person: string, role: WorkspaceRole): WorkspaceEvent => ({
  type: "MemberRoleChanged",
  data: { ...inWorkspace, userId: id(person), role },
});
const invitation = (role: WorkspaceRole) => ({
  invitationId: id("invitation"),
  emailClaimId: id("grace@example.com"),
  email: "grace@example.com",
  role,
});
const invited = (role: WorkspaceRole): WorkspaceEvent => ({
  type: "MemberInvited",
  data: { ...inWorkspace, ...invitation(role), invitedAt: facts.now },
});
const invitedAs = (email: string): WorkspaceEvent => ({
  type: "MemberInvited",
  data: { ...inWorkspace, ...invitation("viewer"), email, emailClaimId: id(email), invitedAt: facts.now },
});
const when = (time: string) => ({ invitedAt: time, acceptedAt: time });
const limit = { membersMax: 1_000 };

const member = (person: string) => ({ workspaceId, userId: id(person) });
const withRole = (person: string, role: WorkspaceRole) => ({ ...member(person), role });

describe("creating a workspace", () => {
  const create = {
    ...inWorkspace,
    name: "Wonderland",
    slug: "wonderland",
    planType: "free",
    ownerId: id("ada"),
  } as const;

  test("WS-01: is recorded with its owner and its time", () =>
    given(workspace).when(CreateWorkspace, create, at(createdAt)).then(created));

  test("WS-01: its creator is its owner", () =>
    given(workspace)
      .when(CreateWorkspace, create)
      .thenAnswers({
        id: workspaceId,
        name: "Wonderland",
        slug: "wonderland",
        planType: "free",
        organizationId: id("acme"),
        role: "owner",
        createdAt: facts.now,
      }));

  test("happens once", () =>
    given(workspace).when(CreateWorkspace, create).again().thenRefused("conflict", "WORKSPACE_EXISTS"));

  test("does not bring a deleted one back", () =>
    given(workspace, created, deleted).when(CreateWorkspace, create).thenRefused("conflict", "WORKSPACE_EXISTS"));
});

describe("renaming a workspace", () => {
  const rename = { workspaceId, name: "Looking-Glass" };

  test("is recorded; the slug stays", () =>
    given(workspace, created).when(RenameWorkspace, rename).then(renamed("Looking-Glass")));

  test("to the name it has changes nothing", () =>
    given(workspace, created).when(RenameWorkspace, rename).again().thenNothing());

  test.each([
    ["an owner", "ada", "owner"],
    ["an admin", "bob", "admin"],
    ["an organization's admin without a membership", "zoe", "admin"],
    ["an organization's admin who is but a viewer here", "eve", "admin"],
  ] as const)("is answered to %s with the role they act with", (_, person, role) =>
    given(workspace, created, added("bob", "admin"), added("eve", "viewer"))
      .when(RenameWorkspace, rename, as(person))
      .thenAnswers({
        id: workspaceId,
        name: "Looking-Glass",
        slug: "wonderland",
        planType: "free",
        organizationId: id("acme"),
        role,
        createdAt,
      }),
  );
});

describe("deleting a workspace", () => {
  test("is recorded", () => given(workspace, created).when(DeleteWorkspace, { workspaceId }).then(deleted));
  test("answers nothing", () => given(workspace, created).when(DeleteWorkspace, { workspaceId }).thenAnswers(null));
  test("happens once", () =>
    given(workspace, created)
      .when(DeleteWorkspace, { workspaceId })
      .again()
      .thenRefused("missing", "RESOURCE_NOT_FOUND"));
});

describe("adding a member", () => {
  test("WS-05: gives exactly the role asked for, from now on", () =>
    given(workspace, created)
      .when(AddMember, withRole("bob", "viewer"), at(joinedAt))
      .then(added("bob", "viewer", joinedAt)));

  test("WS-05: is answered with the membership", () =>
    given(workspace, created)
      .when(AddMember, withRole("bob", "viewer"), at(joinedAt))
      .thenAnswers({ userId: id("bob"), workspaceId, role: "viewer", invitedAt: joinedAt, acceptedAt: joinedAt }));

  test("WS-05: one who is a member is refused, in whatever role", () => {
    const bobIsIn = given(workspace, created, added("bob", "viewer"));
    bobIsIn.when(AddMember, withRole("bob", "viewer")).thenRefused("conflict", "MEMBER_EXISTS", { userId: id("bob") });
    bobIsIn.when(AddMember, withRole("bob", "owner")).thenRefused("conflict", "MEMBER_EXISTS", { userId: id("bob") });
  });

  test("asked twice is refused the second time", () =>
    given(workspace, created)
      .when(AddMember, withRole("bob", "viewer"))
      .again()
      .thenRefused("conflict", "MEMBER_EXISTS", { userId: id("bob") }));

  test.each([
    ["members", (index: number) => added(`guest ${index}`, "viewer")],
    ["invitations", (index: number) => invitedAs(`guest${index}@example.com`)],
  ])("WS-05: to more than 1,000 %s, each copied with every change, is refused", (_, guest) => {
    const guests = Array.from({ length: 999 }, (_, index) => guest(index));
    const full = given(workspace, created, ...guests);
    full.when(AddMember, withRole("bob", "viewer")).thenRefused("conflict", "MEMBER_LIMIT_REACHED", limit);
    full
      .when(InviteMember, { workspaceId, ...invitation("viewer") })
      .thenRefused("conflict", "MEMBER_LIMIT_REACHED", limit);
    const [, ...fewer] = guests;
    given(workspace, created, ...fewer)
      .when(AddMember, withRole("bob", "viewer"), at(joinedAt))
      .then(added("bob", "viewer"));
  });

  test("WS-05: who was invited has a place where all others are taken", () => {
    const guests = Array.from({ length: 998 }, (_, index) => added(`guest ${index}`, "viewer"));
    const answering = { ...withRole("bob", "viewer"), emailClaimId: id("grace@example.com") };
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
      .when(AddMember, withRole("bob", "viewer"), at(joinedAt))
      .then(added("bob", "viewer")));

  test("WS-07: as an owner takes an owner", () => {
    const two = given(workspace, created, added("bob", "admin"));
    two.when(AddMember, withRole("eve", "owner"), { ...as("ada"), now: joinedAt }).then(added("eve", "owner"));
    two.when(AddMember, withRole("eve", "owner"), as("bob")).thenRefused("forbidden", "OWNER_REQUIRED");
    two.when(AddMember, withRole("eve", "owner"), as("zoe")).thenRefused("forbidden", "OWNER_REQUIRED");
  });
});

describe("inviting an address without an account", () => {
  const invite = (role: WorkspaceRole) => ({ workspaceId, ...invitation(role) });

  test("WS-05: is recorded", () =>
    given(workspace, created).when(InviteMember, invite("member")).then(invited("member")));

  test("WS-05: is answered as a membership that is not accepted", () =>
    given(workspace, created)
      .when(InviteMember, invite("member"))
      .thenAnswers({ userId: null, workspaceId, role: "member", invitedAt: facts.now, acceptedAt: null }));

  test("gives nobody a role", () => {
    const state = fold(workspace, [created, invited("admin")]);
    expect(state.status === "active" && [...state.members.keys()]).toEqual([id("ada")]);
  });

  test("WS-05: twice is refused", () =>
    given(workspace, created).when(InviteMember, invite("member")).again().thenRefused("conflict", "MEMBER_EXISTS"));

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

describe("a workspace that is not there, or no longer, has nothing to change", () => {
  test.each([
    ["never was", []],
    ["was deleted", [created, added("bob", "member"), deleted]],
  ] as const)("when it %s", (_, history) => {
    const gone = given(workspace, ...history);
    gone.when(RenameWorkspace, { workspaceId, name: "X" }).thenRefused("missing", "RESOURCE_NOT_FOUND");
    gone.when(DeleteWorkspace, { workspaceId }).thenRefused("missing", "RESOURCE_NOT_FOUND");
    gone.when(AddMember, withRole("bob", "owner"), as("zoe")).thenRefused("missing", "RESOURCE_NOT_FOUND");
    gone.when(InviteMember, { workspaceId, ...invitation("owner") }).thenRefused("missing", "RESOURCE_NOT_FOUND");
    gone.when(RemoveMember, member("bob")).thenRefused("missing", "RESOURCE_NOT_FOUND");
    gone.when(ChangeMemberRole, withRole("bob", "member")).thenRefused("missing", "RESOURCE_NOT_FOUND");
  });
});

test("WS-13: names have 1 to 100 characters, roles are the four, ids are UUIDs", () => {
  expect(accepts(RenameWorkspace, { workspaceId, name: "n".repeat(100) })).toBe(true);
  expect(accepts(RenameWorkspace, { workspaceId, name: "n".repeat(101) })).toBe(false);
  expect(accepts(RenameWorkspace, { workspaceId, name: "" })).toBe(false);
  expect(accepts(RenameWorkspace, { workspaceId: "wonderland", name: "n" })).toBe(false);
  expect(accepts(AddMember, { ...member("bob"), role: "emperor" })).toBe(false);
  expect(accepts(RemoveMember, { workspaceId, userId: "bob" })).toBe(false);
});
