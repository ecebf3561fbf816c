import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  AddOrganizationMember,
  ChangeOrganizationMemberRole,
  RemoveOrganizationMember,
  SetOrganizationMemberStatus,
} from "../../src/commands/organizationMembers.ts";
import { AdmitWorkspace, ReleaseWorkspace } from "../../src/commands/workspaceAdmission.ts";
import {
  activeRole,
  isPresent,
  type Organization,
  organization,
  usersOf,
} from "../../src/domain/tenancy/organization.ts";
import { OrganizationRole } from "../../src/domain/tenancy/roles.ts";
import { fold } from "../../src/kernel/decider.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import {
  acme,
  deactivated,
  founded,
  gone,
  inactive,
  memberAdded,
  memberRemoved,
  ofPerson,
  workspaceAdmitted,
} from "../domain/organizationHistory.ts";
import { facts, given, id } from "../spec.ts";

const withRole = (person: string, role: OrganizationRole) => ({ ...ofPerson(person), role });
const view = (person: string, role: OrganizationRole) => ({
  ...withRole(person, role),
  ...{ status: "active" as const, invitedAt: facts.now, acceptedAt: facts.now },
});
const others = (count: number) => Array.from({ length: count }, (_, index) => memberAdded(`guest ${index}`, "viewer"));

describe("adding a member to an organization", () => {
  test("ORG-07: is recorded and answered", () => {
    const adding = given(organization, founded).when(AddOrganizationMember, withRole("bob", "viewer"));
    adding.then(memberAdded("bob", "viewer"));
    adding.thenAnswers(view("bob", "viewer"));
  });

  test("ORG-07: who is a member is refused, in whatever role, and keeps the one they have", () => {
    const exists = { userId: id("bob") };
    const bobIsIn = given(organization, founded, memberAdded("bob", "member"));
    bobIsIn.when(AddOrganizationMember, withRole("bob", "viewer")).thenRefused("conflict", "MEMBER_EXISTS", exists);
    given(organization, founded, memberAdded("bob", "member"), deactivated("bob"))
      .when(AddOrganizationMember, withRole("bob", "admin"))
      .thenRefused("conflict", "MEMBER_DEACTIVATED");
  });

  test("QUO-02: beyond the quota is refused, with what there is and what there may be", () =>
    given(organization, founded, ...others(4))
      .when(AddOrganizationMember, withRole("bob", "viewer"))
      .thenRefused("conflict", "QUOTA_EXCEEDED", { quota: "maxUsers", limit: 5, used: 5 }));

  test("QUO-02: who was deactivated or removed makes room", () => {
    for (const leaving of [deactivated("guest 0"), memberRemoved("guest 0")])
      given(organization, founded, ...others(4), leaving)
        .when(AddOrganizationMember, withRole("bob", "viewer"))
        .then(memberAdded("bob", "viewer"));
  });

  test("needs the organization", () => {
    for (const history of [[], [founded, gone]])
      given(organization, ...history)
        .when(AddOrganizationMember, withRole("bob", "viewer"))
        .thenRefused("missing", "RESOURCE_NOT_FOUND");
  });
});

describe("a member of an organization", () => {
  const two = given(organization, founded, memberAdded("bob", "viewer"));

  test("ORG-07: has another role, once", () => {
    const changing = two.when(ChangeOrganizationMemberRole, withRole("bob", "admin"));
    changing.then({ type: "OrganizationMemberRoleChanged", data: withRole("bob", "admin") });
    changing.thenAnswers(view("bob", "admin"));
    changing.again().thenNothing();
  });

  test("ORG-07: is deactivated, once, and reactivated where there is room", () => {
    const stopping = two.when(SetOrganizationMemberStatus, { ...ofPerson("bob"), status: "deactivated" });
    stopping.then(deactivated("bob"));
    stopping.thenAnswers({ ...view("bob", "viewer"), status: "deactivated" });
    stopping.again().thenNothing();
    const starting = { ...ofPerson("bob"), status: "active" } as const;
    given(organization, founded, memberAdded("bob", "viewer"), deactivated("bob"))
      .when(SetOrganizationMemberStatus, starting)
      .then({ type: "OrganizationMemberReactivated", data: ofPerson("bob") });
    given(organization, founded, memberAdded("bob", "viewer"), deactivated("bob"), ...others(4))
      .when(SetOrganizationMemberStatus, starting)
      .thenRefused("conflict", "QUOTA_EXCEEDED", { quota: "maxUsers", limit: 5, used: 5 });
  });

  test("ORG-07: is removed, once", () => {
    const removing = two.when(RemoveOrganizationMember, ofPerson("bob"));
    removing.then(memberRemoved("bob"));
    removing.thenAnswers(null);
    removing.again().thenRefused("missing", "RESOURCE_NOT_FOUND");
  });

  test("RBAC-08: who is the last admin is not removed, demoted or deactivated", () => {
    two.when(RemoveOrganizationMember, ofPerson("ada")).thenRefused("conflict", "LAST_ADMIN");
    two.when(ChangeOrganizationMemberRole, withRole("ada", "member")).thenRefused("conflict", "LAST_ADMIN");
    two
      .when(SetOrganizationMemberStatus, { ...ofPerson("ada"), status: "deactivated" })
      .thenRefused("conflict", "LAST_ADMIN");
    given(organization, founded, memberAdded("eve", "admin"), deactivated("eve"))
      .when(RemoveOrganizationMember, ofPerson("ada"))
      .thenRefused("conflict", "LAST_ADMIN");
  });

  test("who is none has nothing to change", () => {
    two.when(ChangeOrganizationMemberRole, withRole("zoe", "admin")).thenRefused("missing", "RESOURCE_NOT_FOUND");
    two.when(RemoveOrganizationMember, ofPerson("zoe")).thenRefused("missing", "RESOURCE_NOT_FOUND");
  });
});

describe("whoever is added, changed and removed, in whatever order", () => {
  const person = fc.constantFrom("ada", "bob", "eve", "zoe", "joe", "sue", "tom");
  const role = fc.constantFrom(...OrganizationRole.options);
  const request = fc.record({ asks: fc.constantFrom("add", "change", "remove", "stop", "start"), person, role });
  type Request = typeof request extends fc.Arbitrary<infer R> ? R : never;

  const decide = (state: Organization, { asks, person, role }: Request) => {
    const [ofThem, held] = [ofPerson(person), withRole(person, role)];
    if (asks === "add") return AddOrganizationMember.decide(held, state, facts);
    if (asks === "change") return ChangeOrganizationMemberRole.decide(held, state, facts);
    if (asks === "remove") return RemoveOrganizationMember.decide(ofThem, state, facts);
    const status = asks === "stop" ? "deactivated" : "active";
    return SetOrganizationMemberStatus.decide({ ...ofThem, status }, state, facts);
  };

  test("RBAC-08 QUO-02: there is an admin who can act, and never a user more than the quota allows", () =>
    fc.assert(
      fc.property(fc.array(request, { maxLength: 60 }), (requests) => {
        let state = fold(organization, [founded]);
        for (const asked of requests) {
          const decision = decide(state, asked);
          if (!isRejection(decision)) state = fold(organization, decision, state);
          if (!isPresent(state)) throw new Error("nobody deletes it");
          const there = state;
          expect([...there.members.keys()].some((user) => activeRole(there, user) === "admin")).toBe(true);
          expect(usersOf(there)).toBeLessThanOrEqual(5);
        }
      }),
      { numRuns: 300 },
    ));
});

describe("a workspace's place in its organization", () => {
  const place = { ...acme, workspaceId: id("wonderland") };

  test("ORG-09 QUO-02: is given once, and given back", () => {
    const admitting = given(organization, founded).when(AdmitWorkspace, place);
    admitting.then(workspaceAdmitted("wonderland"));
    admitting.thenAnswers(null);
    admitting.again().thenNothing();
    const releasing = given(organization, founded, workspaceAdmitted("wonderland")).when(ReleaseWorkspace, place);
    releasing.then({ type: "WorkspaceReleased", data: place });
    releasing.thenAnswers(null);
    releasing.again().thenNothing();
  });

  test("WS-11: is given back by a deleted organization too", () =>
    given(organization, founded, workspaceAdmitted("wonderland"), gone)
      .when(ReleaseWorkspace, place)
      .then({ type: "WorkspaceReleased", data: place }));

  test("QUO-02: is refused where there are as many as may be", () => {
    const full = Array.from({ length: 100 }, (_, index) => workspaceAdmitted(`workspace ${index}`));
    given(organization, founded, ...full)
      .when(AdmitWorkspace, place)
      .thenRefused("conflict", "QUOTA_EXCEEDED", { quota: "maxWorkspaces", limit: 100, used: 100 });
  });

  test("ORG-06 ORG-09: is refused by an organization that is not active", () => {
    given(organization, founded, inactive)
      .when(AdmitWorkspace, place)
      .thenRefused("forbidden", "ORGANIZATION_INACTIVE");
    given(organization, founded, gone).when(AdmitWorkspace, place).thenRefused("missing", "RESOURCE_NOT_FOUND");
  });
});
