import type { organization } from "../../src/domain/tenancy/organization.ts";
import { quotasOf } from "../../src/domain/tenancy/plans.ts";
import type { OrganizationRole } from "../../src/domain/tenancy/roles.ts";
import type { EventOf } from "../../src/kernel/decider.ts";
import { facts, id } from "../spec.ts";

type OrganizationEvent = EventOf<typeof organization.events>;

export const acme = { organizationId: id("acme") };
export const claim = { claimId: id("ada/acme"), claiming: id("first claiming") };
export const founding = {
  ...acme,
  name: "Acme",
  nameClaim: claim,
  slug: "acme",
  isPersonal: false,
  plan: "free",
  createdBy: id("ada"),
} as const;

/** Ada's. */
export const founded: OrganizationEvent = {
  type: "OrganizationCreated",
  data: { ...founding, quotas: quotasOf.free, createdAt: facts.now },
};
export const ofPerson = (person: string) => ({ ...acme, userId: id(person) });
export const memberAdded = (person: string, role: OrganizationRole): OrganizationEvent => ({
  type: "OrganizationMemberAdded",
  data: { ...ofPerson(person), role, invitedAt: facts.now, acceptedAt: facts.now },
});
export const memberRemoved = (person: string): OrganizationEvent => ({
  type: "OrganizationMemberRemoved",
  data: ofPerson(person),
});
export const deactivated = (person: string): OrganizationEvent => ({
  type: "OrganizationMemberDeactivated",
  data: ofPerson(person),
});
export const workspaceAdmitted = (workspace: string): OrganizationEvent => ({
  type: "WorkspaceAdmitted",
  data: { ...acme, workspaceId: id(workspace) },
});
export const inactive: OrganizationEvent = { type: "OrganizationDeactivated", data: acme };
export const gone: OrganizationEvent = {
  type: "OrganizationDeleted",
  data: { ...acme, slug: "acme", nameClaim: claim },
};
