import { expect, test } from "vitest";
import { OrganizationRole, reaches, WorkspaceRole } from "../../src/domain/tenancy/roles.ts";

const highestFirst: WorkspaceRole[] = ["owner", "admin", "member", "viewer"];

test.each(highestFirst.flatMap((held) => highestFirst.map((needed) => [held, needed] as const)))(
  "RBAC-01: %s reaches %s exactly as owner > admin > member > viewer says",
  (held, needed) => expect(reaches(held, needed)).toBe(highestFirst.indexOf(held) <= highestFirst.indexOf(needed)),
);

test("RBAC-01: there are no other roles", () => {
  expect(WorkspaceRole.options.toSorted()).toEqual(highestFirst.toSorted());
  expect(OrganizationRole.options.toSorted()).toEqual(["admin", "member", "viewer"]);
});
