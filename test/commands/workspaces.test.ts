import { describe, expect, test } from "vitest";
import { AddMember, ChangeMemberRole, InviteMember, RemoveMember } from "../../src/commands/workspaceMembers.ts";
import {
  ChangeWorkspaceSettings,
  CreateWorkspace,
  DeleteWorkspace,
  RenameWorkspace,
  SetWorkspaceStatus,
} from "../../src/commands/workspaces.ts";
import { workspace } from "../../src/domain/tenancy/workspace.ts";
import {
  added,
  created,
  createdAt,
  deleted,
  invitation,
  inWorkspace,
  joining,
  member,
  renamed,
  room,
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
        status: "ACTIVE",
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
        status: "ACTIVE",
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
    gone.when(AddMember, joining("bob", "owner"), as("zoe")).thenRefused("missing", "RESOURCE_NOT_FOUND");
    gone
      .when(InviteMember, { workspaceId, ...invitation("owner"), ...room })
      .thenRefused("missing", "RESOURCE_NOT_FOUND");
    gone.when(RemoveMember, member("bob")).thenRefused("missing", "RESOURCE_NOT_FOUND");
    gone.when(ChangeMemberRole, withRole("bob", "member")).thenRefused("missing", "RESOURCE_NOT_FOUND");
  });
});

test("WS-13: names have 1 to 100 characters, roles are the four, ids are UUIDs", () => {
  expect(accepts(RenameWorkspace, { workspaceId, name: "n".repeat(100) })).toBe(true);
  expect(accepts(RenameWorkspace, { workspaceId, name: "n".repeat(101) })).toBe(false);
  expect(accepts(RenameWorkspace, { workspaceId, name: "" })).toBe(false);
  expect(accepts(RenameWorkspace, { workspaceId: "wonderland", name: "n" })).toBe(false);
  expect(accepts(AddMember, { ...joining("bob", "owner"), role: "emperor" })).toBe(false);
  expect(accepts(RemoveMember, { workspaceId, userId: "bob" })).toBe(false);
});

describe("the status of a workspace", () => {
  const changed = (status: "ACTIVE" | "INACTIVE" | "ARCHIVED") =>
    ({ type: "WorkspaceStatusChanged", data: { ...inWorkspace, status } }) as const;

  test.each(["INACTIVE", "ARCHIVED"] as const)("WS-14: becomes %s, once, and ACTIVE again", (status) => {
    const setting = given(workspace, created).when(SetWorkspaceStatus, { workspaceId, status });
    setting.then(changed(status));
    setting.again().thenNothing();
    given(workspace, created, changed(status))
      .when(SetWorkspaceStatus, { workspaceId, status: "ACTIVE" })
      .then(changed("ACTIVE"));
  });

  test("WS-14: is never made DELETED, which is a command of its own and for good", () => {
    expect(accepts(SetWorkspaceStatus, { workspaceId, status: "DELETED" })).toBe(false);
    given(workspace, created, deleted)
      .when(SetWorkspaceStatus, { workspaceId, status: "ACTIVE" })
      .thenRefused("missing", "RESOURCE_NOT_FOUND");
  });
});

describe("the settings of a workspace", () => {
  const settings = { description: "New markets", timeZone: "Europe/Berlin", language: "de" };
  const changing = given(workspace, created).when(ChangeWorkspaceSettings, { workspaceId, ...settings });

  test("WS-09: are recorded, once, and answered", () => {
    changing.then({ type: "WorkspaceSettingsChanged", data: { ...inWorkspace, settings } });
    changing.again().thenNothing();
    changing.thenAnswers(settings);
  });

  test("WS-09: are a description, a time zone there is, and a language", () => {
    const accepted = (over: object) => accepts(ChangeWorkspaceSettings, { workspaceId, ...settings, ...over });
    expect(accepted({ description: null, timeZone: null, language: null })).toBe(true);
    expect([{ timeZone: "Mars/Base" }, { language: "Deutsch!" }, { description: "" }].filter(accepted)).toEqual([]);
  });
});
