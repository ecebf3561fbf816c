import { z } from "zod";
import type { organizationCreation, organizationRenaming } from "../commands/organizationCreation.ts";
import {
  ChangeOrganizationMemberRole,
  OrganizationMemberView,
  SetOrganizationMemberStatus,
} from "../commands/organizationMembers.ts";
import type { organizationMemberAddition, organizationMemberRemoval } from "../commands/organizationMembership.ts";
import {
  ChangeOrganizationCompliance,
  ChangeOrganizationPlan,
  ChangeOrganizationSettings,
  DeleteOrganization,
  OrganizationView,
  SetOrganizationQuotas,
  SetOrganizationStatus,
} from "../commands/organizations.ts";
import {
  organizationById,
  organizationCompliance,
  organizationCounts,
  organizationMembersOf,
  organizationSettings,
  organizationsOf,
} from "../projections/organizationReads.ts";
import { organizations } from "../projections/organizations.ts";
import type { App } from "./binder.ts";
import { exampleIds, exampleTime } from "./examples.ts";

type OrganizationOperations = {
  createOrganization: ReturnType<typeof organizationCreation>;
  renameOrganization: ReturnType<typeof organizationRenaming>;
  addMember: ReturnType<typeof organizationMemberAddition>;
  removeMember: ReturnType<typeof organizationMemberRemoval>;
};

const OrganizationDetails = OrganizationView.extend({
  role: z.string().nullable().describe("The caller's; null for a system admin who is no member"),
  updatedAt: z.iso.datetime(),
});
const Usage = z.object({ quota: z.string(), limit: z.int(), used: z.int() });
const Dashboard = z.object({
  users: z.int(),
  deactivatedUsers: z.int(),
  workspaces: z.int(),
  credits: z.int().describe("Available in all workspaces together"),
});

const place = { organizationId: exampleIds.organization };
const ofMember = { ...place, userId: exampleIds.member };
const quotas = {
  maxUsers: 5,
  maxWorkspaces: 100,
  maxMembersPerWorkspace: 100,
  maxPipelines: 10,
  maxExecutionsPerMonth: 1_000,
};
const acme = {
  id: exampleIds.organization,
  name: "Acme",
  slug: "acme",
  status: "ACTIVE",
  isPersonal: false,
  plan: "free",
  quotas,
  createdAt: exampleTime,
} as const;
const details = { ...acme, role: "admin", updatedAt: exampleTime };
const member = {
  ...ofMember,
  role: "member",
  status: "active",
  invitedAt: exampleTime,
  acceptedAt: exampleTime,
} as const;
const settings = { industry: "Logistics", cloudProvider: "aws", projectManagementTool: "jira" } as const;
const compliance: z.output<typeof ChangeOrganizationCompliance.output> = { frameworks: ["HIPAA", "SOC2"] };

export const organizationRoutes = (app: App, operations: OrganizationOperations): void => {
  app.command("POST", "/organizations", operations.createOrganization, {
    status: 201,
    example: { body: { name: acme.name, slug: acme.slug }, data: acme },
  });
  app.list("/organizations", {
    name: "ListOrganizations",
    permission: "organization:list",
    from: [organizations],
    output: OrganizationDetails,
    example: { data: details },
    load: (read, { caller, query }) => organizationsOf(read, caller.userId, query),
  });
  app.query("/organizations/:organizationId", {
    name: "GetOrganization",
    permission: "organization:read",
    from: [organizations],
    output: OrganizationDetails,
    example: { params: place, data: details },
    load: async (read, { caller, params }) =>
      (await organizationById(read, params.organizationId, caller.userId)) ?? null,
  });
  app.command("PUT", "/organizations/:organizationId", operations.renameOrganization, {
    hasRevision: true,
    example: { params: place, body: { name: "Acme Labs" }, data: { ...acme, name: "Acme Labs" } },
  });
  app.command("DELETE", "/organizations/:organizationId", DeleteOrganization, {
    example: { params: place, data: null },
  });
  app.command("PUT", "/organizations/:organizationId/status", SetOrganizationStatus, {
    example: { params: place, body: { status: "INACTIVE" }, data: { ...acme, status: "INACTIVE" } },
  });
  app.command("PUT", "/organizations/:organizationId/plan", ChangeOrganizationPlan, {
    example: { params: place, body: { plan: "free" }, data: acme },
  });
  app.command("PUT", "/organizations/:organizationId/quotas", SetOrganizationQuotas, {
    example: { params: place, body: { maxUsers: 25 }, data: { ...acme, quotas: { ...quotas, maxUsers: 25 } } },
  });
  settingRoutes(app);
  memberRoutes(app, operations);
  usageRoutes(app);
};

const settingRoutes = (app: App): void => {
  app.query("/organizations/:organizationId/settings", {
    name: "GetOrganizationSettings",
    permission: "organization:admin",
    from: [organizations],
    output: ChangeOrganizationSettings.output,
    example: { params: place, data: settings },
    load: async (read, { params }) => (await organizationSettings(read, params.organizationId)) ?? null,
  });
  app.command("PUT", "/organizations/:organizationId/settings", ChangeOrganizationSettings, {
    example: { params: place, body: settings, data: settings },
  });
  app.query("/organizations/:organizationId/compliance", {
    name: "GetOrganizationCompliance",
    permission: "organization:admin",
    from: [organizations],
    output: ChangeOrganizationCompliance.output,
    example: { params: place, data: compliance },
    load: async (read, { params }) => (await organizationCompliance(read, params.organizationId)) ?? null,
  });
  app.command("PUT", "/organizations/:organizationId/compliance", ChangeOrganizationCompliance, {
    example: { params: place, body: compliance, data: compliance },
  });
};

const memberRoutes = (app: App, { addMember, removeMember }: OrganizationOperations): void => {
  app.list("/organizations/:organizationId/members", {
    name: "ListOrganizationMembers",
    permission: "organization_member:read",
    from: [organizations],
    output: OrganizationMemberView,
    example: { params: place, data: member },
    load: (read, { params, query }) => organizationMembersOf(read, params.organizationId, query),
  });
  app.command("POST", "/organizations/:organizationId/members", addMember, {
    status: 201,
    hasRevision: true,
    example: { params: place, body: { email: "grace@example.com", role: "member" }, data: member },
  });
  app.command("PUT", "/organizations/:organizationId/members/:userId/role", ChangeOrganizationMemberRole, {
    example: { params: ofMember, body: { role: "admin" }, data: { ...member, role: "admin" } },
  });
  app.command("PUT", "/organizations/:organizationId/members/:userId/status", SetOrganizationMemberStatus, {
    example: { params: ofMember, body: { status: "deactivated" }, data: { ...member, status: "deactivated" } },
  });
  app.command("DELETE", "/organizations/:organizationId/members/:userId", removeMember, {
    hasRevision: true,
    example: { params: ofMember, data: null },
  });
};

const usageRoutes = (app: App): void => {
  app.query("/organizations/:organizationId/dashboard", {
    name: "GetOrganizationDashboard",
    permission: "usage:read",
    output: Dashboard,
    example: { params: place, data: { users: 3, deactivatedUsers: 1, workspaces: 2, credits: 1_710 } },
    load: async (read, { params }) => {
      const counts = await organizationCounts(read, params.organizationId);
      if (!counts) return null;
      const { users, deactivated, workspaces, credits } = counts;
      return { users, deactivatedUsers: deactivated, workspaces, credits };
    },
  });
  app.query("/organizations/:organizationId/usage", {
    name: "GetOrganizationUsage",
    permission: "usage:read",
    output: z.object({ usage: z.array(Usage) }),
    example: {
      params: place,
      data: {
        usage: [
          { quota: "maxUsers", limit: 5, used: 3 },
          { quota: "maxWorkspaces", limit: 100, used: 2 },
        ],
      },
    },
    load: async (read, { params }) => {
      const counts = await organizationCounts(read, params.organizationId);
      if (!counts) return null;
      const used = { maxUsers: counts.users, maxWorkspaces: counts.workspaces };
      const { maxUsers, maxWorkspaces } = counts.quotas;
      return {
        usage: [
          { quota: "maxUsers", limit: maxUsers, used: used.maxUsers },
          { quota: "maxWorkspaces", limit: maxWorkspaces, used: used.maxWorkspaces },
        ],
      };
    },
  });
};
