import { describe, expect, test } from "vitest";
import { AddOrganizationMember, ClaimSlug, CreateOrganization } from "../../src/commands/organizations.ts";
import { organization } from "../../src/domain/tenancy/organization.ts";
import type { OrganizationRole } from "../../src/domain/tenancy/roles.ts";
import { slugClaim } from "../../src/domain/tenancy/slugClaim.ts";
import { type EventOf, fold } from "../../src/kernel/decider.ts";
import { accepts, given, id } from "../spec.ts";

const acme = { organizationId: id("acme"), name: "Acme", slug: "acme", isPersonal: false, createdBy: id("ada") };
const created: EventOf<typeof organization.events> = { type: "OrganizationCreated", data: acme };
const added = (person: string, role: OrganizationRole): EventOf<typeof organization.events> => ({
  type: "OrganizationMemberAdded",
  data: { organizationId: id("acme"), userId: id(person), role },
});

describe("creating an organization", () => {
  test("is recorded", () => given(organization).when(CreateOrganization, acme).then(created));
  test("happens once", () => given(organization).when(CreateOrganization, acme).again().thenNothing());
  test("answers nothing", () => given(organization).when(CreateOrganization, acme).thenAnswers(null));

  test("R-05: who creates it is its admin", () => {
    const state = fold(organization, [created]);
    expect(state.status === "active" && [...state.members]).toEqual([[id("ada"), "admin"]]);
  });

  test("WS-02: a slug is lower-case words between hyphens, up to 100 characters", () => {
    const ofSlug = (slug: string) => accepts(CreateOrganization, { ...acme, slug });
    expect(["acme", "acme-2", "a".repeat(100)].filter((slug) => !ofSlug(slug))).toEqual([]);
    expect(["", "Acme", "-acme", "acme-", "ac--me", "ac me", "a".repeat(101), "acme\n"].filter(ofSlug)).toEqual([]);
  });
});

describe("adding a member to an organization", () => {
  const asViewer = { organizationId: id("acme"), userId: id("bob"), role: "viewer" } as const;

  test("to more than 2,000 of them, each copied with every one that comes, is refused", () => {
    const others = Array.from({ length: 1_999 }, (_, index) => added(`guest ${index}`, "viewer"));
    given(organization, created, ...others)
      .when(AddOrganizationMember, asViewer)
      .thenRefused("conflict", "MEMBER_LIMIT_REACHED", { membersMax: 2_000 });
  });

  test("is recorded", () =>
    given(organization, created).when(AddOrganizationMember, asViewer).then(added("bob", "viewer")));
  test("happens once", () => given(organization, created).when(AddOrganizationMember, asViewer).again().thenNothing());
  test("answers nothing", () => given(organization, created).when(AddOrganizationMember, asViewer).thenAnswers(null));

  test("never lowers a role", () => {
    given(organization, created, added("bob", "member")).when(AddOrganizationMember, asViewer).thenNothing();
    given(organization, created)
      .when(AddOrganizationMember, { ...asViewer, userId: id("ada") })
      .thenNothing();
  });

  test("needs the organization", () =>
    given(organization).when(AddOrganizationMember, asViewer).thenRefused("missing", "RESOURCE_NOT_FOUND"));
});

describe("claiming a slug", () => {
  const claim = { claimId: id("workspace:wonderland"), kind: "workspace", slug: "wonderland" } as const;
  const byFirst = { ...claim, ownerId: id("first") };
  const bySecond = { ...claim, ownerId: id("second") };

  test("WS-02: gives it to who asks first", () =>
    given(slugClaim).when(ClaimSlug, byFirst).then({ type: "SlugClaimed", data: byFirst }));

  test("WS-02: is refused to any other", () =>
    given(slugClaim, { type: "SlugClaimed", data: byFirst })
      .when(ClaimSlug, bySecond)
      .thenRefused("conflict", "SLUG_TAKEN"));

  test("by who holds it changes nothing", () => given(slugClaim).when(ClaimSlug, byFirst).again().thenNothing());
  test("answers nothing", () => given(slugClaim).when(ClaimSlug, byFirst).thenAnswers(null));

  test("is possible again once it was released", () =>
    given(slugClaim, { type: "SlugClaimed", data: byFirst }, { type: "SlugReleased", data: byFirst })
      .when(ClaimSlug, bySecond)
      .then({ type: "SlugClaimed", data: bySecond }));
});
