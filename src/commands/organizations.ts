import { z } from "zod";
import { NameClaim } from "../domain/tenancy/nameClaim.ts";
import {
  isPresent,
  type Organization,
  OrganizationName,
  organization,
  type PresentOrganization,
} from "../domain/tenancy/organization.ts";
import { Compliance, inOrder, OrganizationSettings } from "../domain/tenancy/organizationSettings.ts";
import { PlanType, Quotas, quotasOf } from "../domain/tenancy/plans.ts";
import { Slug } from "../domain/tenancy/slugClaim.ts";
import { command } from "../kernel/decider.ts";
import { type Rejection, reject } from "../kernel/rejection.ts";
import { nameTaken } from "./claims.ts";

export const InOrganization = z.object({ organizationId: z.uuid() });
export const inOrganization = ({ organizationId }: { organizationId: string }): string => organizationId;

export const OrganizationView = z.object({
  id: z.uuid(),
  name: z.string(),
  slug: z.string(),
  status: z.enum(["ACTIVE", "INACTIVE"]),
  isPersonal: z.boolean(),
  plan: PlanType,
  quotas: Quotas,
  createdAt: z.iso.datetime(),
});

export const CreateOrganization = command(organization, {
  name: "CreateOrganization",
  permission: "organization:create",
  input: InOrganization.extend({
    name: OrganizationName,
    nameClaim: NameClaim,
    slug: Slug,
    isPersonal: z.boolean(),
    plan: PlanType,
    createdBy: z.uuid(),
  }),
  output: OrganizationView,
  stream: inOrganization,
  decide: (created, current, { now }) => {
    // A personal organization has the id of its user: it is made once, however often the account is begun.
    if (isPresent(current) && current.isPersonal && created.isPersonal) return [];
    if (current.status !== "absent") return nameTaken();
    return [{ type: "OrganizationCreated", data: { ...created, quotas: quotasOf[created.plan], createdAt: now } }];
  },
  answer: organizationView,
});

/** The claim of the name it had is released by a reaction, once this is written. */
export const RenameOrganization = command(organization, {
  name: "RenameOrganization",
  permission: "organization:write",
  input: InOrganization.extend({ name: OrganizationName, nameClaim: NameClaim }),
  output: OrganizationView,
  stream: inOrganization,
  decide: ({ organizationId, name, nameClaim }, current) =>
    whilePresent(current, ({ name: formerName, nameClaim: formerClaim }) =>
      name === formerName && nameClaim.claiming === formerClaim.claiming
        ? []
        : [{ type: "OrganizationRenamed", data: { organizationId, name, nameClaim, formerClaim } }],
    ),
  answer: organizationView,
});

/** ORG-06: whoever is inactive is blocked by the access check, and keeps all they have. */
export const SetOrganizationStatus = command(organization, {
  name: "SetOrganizationStatus",
  permission: "organization:status",
  input: InOrganization.extend({ status: OrganizationView.shape.status }),
  output: OrganizationView,
  stream: inOrganization,
  decide: ({ organizationId, status }, current) =>
    whilePresent(current, (present) => {
      if (present.status === status) return [];
      const type = status === "ACTIVE" ? "OrganizationActivated" : "OrganizationDeactivated";
      return [{ type, data: { organizationId } }];
    }),
  answer: organizationView,
});

/** gone at once for everybody; what is in it follows by reactions. */
export const DeleteOrganization = command(organization, {
  name: "DeleteOrganization",
  permission: "organization:delete",
  input: InOrganization,
  output: z.null(),
  stream: inOrganization,
  decide: ({ organizationId }, current) =>
    whilePresent(current, ({ slug, nameClaim }) => [
      { type: "OrganizationDeleted", data: { organizationId, slug, nameClaim } },
    ]),
  answer: () => null,
});

export const ChangeOrganizationSettings = command(organization, {
  name: "ChangeOrganizationSettings",
  permission: "organization:write",
  input: InOrganization.extend(OrganizationSettings.shape),
  output: OrganizationSettings,
  stream: inOrganization,
  decide: ({ organizationId, ...settings }, current) =>
    whilePresent(current, (present) =>
      isSame(present.settings, settings)
        ? []
        : [{ type: "OrganizationSettingsChanged", data: { organizationId, settings } }],
    ),
  answer: ({ state }) => present(state).settings,
});

/** ORG-04. */
export const ChangeOrganizationCompliance = command(organization, {
  name: "ChangeOrganizationCompliance",
  permission: "organization:write",
  input: InOrganization.extend(Compliance.shape),
  output: Compliance,
  stream: inOrganization,
  decide: ({ organizationId, frameworks }, current) =>
    whilePresent(current, (present) => {
      const compliance = inOrder({ frameworks });
      return isSame(present.compliance, compliance)
        ? []
        : [{ type: "OrganizationComplianceChanged", data: { organizationId, compliance } }];
    }),
  answer: ({ state }) => present(state).compliance,
});

/** QUO-01: the quotas of the plan come with it, whatever they were before. */
export const ChangeOrganizationPlan = command(organization, {
  name: "ChangeOrganizationPlan",
  permission: "organization:plan",
  input: InOrganization.extend({ plan: PlanType }),
  output: OrganizationView,
  stream: inOrganization,
  decide: ({ organizationId, plan }, current) =>
    whilePresent(current, (present) => {
      const quotas = quotasOf[plan];
      if (present.plan === plan && isSame(present.quotas, quotas)) return [];
      return [{ type: "OrganizationPlanChanged", data: { organizationId, plan, quotas } }];
    }),
  answer: organizationView,
});

/** QUO-01: what is above a quota that was lowered stays; nothing comes to it. */
export const SetOrganizationQuotas = command(organization, {
  name: "SetOrganizationQuotas",
  permission: "organization:plan",
  input: InOrganization.extend(Quotas.partial().shape),
  output: OrganizationView,
  stream: inOrganization,
  decide: ({ organizationId, ...given }, current) =>
    whilePresent(current, (present) => {
      const quotas = Quotas.parse({ ...present.quotas, ...given });
      return isSame(present.quotas, quotas)
        ? []
        : [{ type: "OrganizationQuotasChanged", data: { organizationId, quotas } }];
    }),
  answer: organizationView,
});

export const whilePresent = <Decision>(
  current: Organization,
  decide: (present: PresentOrganization) => Decision,
): Decision | Rejection => (isPresent(current) ? decide(current) : noOrganization());

const present = (state: Organization): PresentOrganization => {
  if (!isPresent(state)) throw new Error("an organization that was changed is there");
  return state;
};

function organizationView({
  state,
  input: { organizationId },
}: {
  state: Organization;
  input: { organizationId: string };
}): z.output<typeof OrganizationView> {
  const { name, slug, status, isPersonal, plan, quotas, createdAt } = present(state);
  return { id: organizationId, name, slug, status, isPersonal, plan, quotas, createdAt };
}

/** Of flat values: each field is the same, or the same list. */
const isSame = <Values extends object>(now: Values, wanted: Values): boolean =>
  Object.entries(wanted).every(([field, value]) => String(value) === String(Object(now)[field]));

export const noOrganization = (): Rejection =>
  reject("missing", "RESOURCE_NOT_FOUND", "There is no such organization.");

/** QUO-02. */
export const quotaExceeded = (quota: keyof Quotas, limit: number, used: number): Rejection =>
  reject("conflict", "QUOTA_EXCEEDED", "Your organization has as many as its quota allows.", { quota, limit, used });
