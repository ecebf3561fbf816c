import { describe, expect, test } from "vitest";
import {
  ChangeOrganizationCompliance,
  ChangeOrganizationPlan,
  ChangeOrganizationSettings,
  CreateOrganization,
  DeleteOrganization,
  RenameOrganization,
  SetOrganizationQuotas,
  SetOrganizationStatus,
} from "../../src/commands/organizations.ts";
import { activeRole, organization } from "../../src/domain/tenancy/organization.ts";
import { quotasOf } from "../../src/domain/tenancy/plans.ts";
import { fold } from "../../src/kernel/decider.ts";
import { acme, claim, founded, founding, gone, inactive } from "../domain/organizationHistory.ts";
import { accepts, facts, given, id } from "../spec.ts";

const view = {
  id: id("acme"),
  name: "Acme",
  slug: "acme",
  status: "ACTIVE" as const,
  isPersonal: false,
  plan: "free" as const,
  quotas: quotasOf.free,
  createdAt: facts.now,
};

describe("creating an organization", () => {
  test("ORG-01 ORG-03: is recorded with its plan, the quotas of the plan and its time, and answered", () => {
    const creating = given(organization).when(CreateOrganization, founding);
    creating.then(founded);
    creating.thenAnswers(view);
  });

  test("QUO-01: on the free plan there are 5 users, 10 pipelines and 1,000 executions a month", () =>
    expect(quotasOf.free).toMatchObject({ maxUsers: 5, maxPipelines: 10, maxExecutionsPerMonth: 1_000 }));

  test("ORG-02: happens once", () =>
    given(organization).when(CreateOrganization, founding).again().thenRefused("conflict", "NAME_TAKEN"));

  test("R-05: a personal one is there already when the account is begun again", () =>
    given(organization)
      .when(CreateOrganization, { ...founding, isPersonal: true })
      .again()
      .thenNothing());

  test("R-05: who creates it is its admin", () =>
    expect(activeRole(fold(organization, [founded]), id("ada"))).toBe("admin"));

  test("ORG-02 WS-02: a slug is lower-case words between hyphens, up to 100 characters", () => {
    const ofSlug = (slug: string) => accepts(CreateOrganization, { ...founding, slug });
    expect(["acme", "acme-2", "a".repeat(100)].filter((slug) => !ofSlug(slug))).toEqual([]);
    expect(["", "Acme", "-acme", "acme-", "ac--me", "ac me", "a".repeat(101), "acme\n"].filter(ofSlug)).toEqual([]);
  });
});

describe("renaming an organization", () => {
  const next = { claimId: id("ada/labs"), claiming: id("second claiming") };
  const rename = { ...acme, name: "Acme Labs", nameClaim: next };

  test("ORG-01 ORG-02: is recorded with the claim it had, and answered", () => {
    const renaming = given(organization, founded).when(RenameOrganization, rename);
    renaming.then({ type: "OrganizationRenamed", data: { ...rename, formerClaim: claim } });
    renaming.thenAnswers({ ...view, name: "Acme Labs" });
    renaming.again().thenNothing();
  });

  test("R-11: of one that is deleted or never was is refused", () => {
    given(organization).when(RenameOrganization, rename).thenRefused("missing", "RESOURCE_NOT_FOUND");
    given(organization, founded, gone).when(RenameOrganization, rename).thenRefused("missing", "RESOURCE_NOT_FOUND");
  });
});

describe("the status of an organization", () => {
  test("ORG-06: goes from ACTIVE to INACTIVE and back, each once", () => {
    const stopping = given(organization, founded).when(SetOrganizationStatus, { ...acme, status: "INACTIVE" });
    stopping.then(inactive);
    stopping.thenAnswers({ ...view, status: "INACTIVE" });
    stopping.again().thenNothing();
    const starting = given(organization, founded, inactive).when(SetOrganizationStatus, { ...acme, status: "ACTIVE" });
    starting.then({ type: "OrganizationActivated", data: acme });
    starting.again().thenNothing();
  });

  test("ORG-06 R-11: ends with DELETED, which says what is to be given back", () => {
    const deleting = given(organization, founded, inactive).when(DeleteOrganization, acme);
    deleting.then(gone);
    deleting.thenAnswers(null);
    deleting.again().thenRefused("missing", "RESOURCE_NOT_FOUND");
    given(organization, founded, gone)
      .when(SetOrganizationStatus, { ...acme, status: "ACTIVE" })
      .thenRefused("missing", "RESOURCE_NOT_FOUND");
    expect(accepts(SetOrganizationStatus, { ...acme, status: "DELETED" })).toBe(false);
  });
});

describe("what an organization says about itself", () => {
  const settings = { industry: "Logistics", cloudProvider: "aws", projectManagementTool: null } as const;

  test("ORG-05 ORG-10: settings are recorded once, as they are then", () => {
    const changing = given(organization, founded).when(ChangeOrganizationSettings, { ...acme, ...settings });
    changing.then({ type: "OrganizationSettingsChanged", data: { ...acme, settings } });
    changing.thenAnswers(settings);
    changing.again().thenNothing();
  });

  test("ORG-05: a cloud or a tool nobody knows is refused", () => {
    const accepted = (over: object) => accepts(ChangeOrganizationSettings, { ...acme, ...settings, ...over });
    expect(accepted({ industry: null })).toBe(true);
    expect([{ cloudProvider: "moon" }, { projectManagementTool: "paper" }, { industry: "" }].filter(accepted)).toEqual(
      [],
    );
  });

  test("ORG-04: frameworks are recorded once each, in one order", () => {
    const changing = given(organization, founded).when(ChangeOrganizationCompliance, {
      ...acme,
      frameworks: ["SOC2", "HIPAA"],
    });
    const compliance = { frameworks: ["HIPAA" as const, "SOC2" as const] };
    changing.then({ type: "OrganizationComplianceChanged", data: { ...acme, compliance } });
    changing.thenAnswers(compliance);
    given(organization, founded, { type: "OrganizationComplianceChanged", data: { ...acme, compliance } })
      .when(ChangeOrganizationCompliance, { ...acme, frameworks: ["HIPAA", "SOC2"] })
      .thenNothing();
    expect(accepts(ChangeOrganizationCompliance, { ...acme, frameworks: ["FANCY"] })).toBe(false);
  });
});

describe("plan and quotas", () => {
  test("QUO-01: another plan brings its quotas", () => {
    const changing = given(organization, founded).when(ChangeOrganizationPlan, { ...acme, plan: "pro" });
    changing.then({ type: "OrganizationPlanChanged", data: { ...acme, plan: "pro", quotas: quotasOf.pro } });
    changing.thenAnswers({ ...view, plan: "pro", quotas: quotasOf.pro });
    changing.again().thenNothing();
  });

  test("QUO-01: single quotas are set beside those of the plan", () => {
    const setting = given(organization, founded).when(SetOrganizationQuotas, { ...acme, maxUsers: 7 });
    const quotas = { ...quotasOf.free, maxUsers: 7 };
    setting.then({ type: "OrganizationQuotasChanged", data: { ...acme, quotas } });
    setting.thenAnswers({ ...view, quotas });
    setting.again().thenNothing();
  });

  test("QUO-01: nobody is given more users than all of them can be held in memory", () =>
    expect(accepts(SetOrganizationQuotas, { ...acme, maxUsers: 2_001 })).toBe(false));
});
