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
import { workspace } from "../../src/domain/tenancy/workspace.ts";
import {
  added,
  created,
  createdAt,
  deleted,
  invitation,
  inWorkspace,
  member,
  renamed,
  withRole,
  workspaceId,
} from "../domain/workspaceHistory.ts";
import { accepts, as, at, facts, given, id } from "../spec.ts";

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
