import { z } from "zod";
import type { EffectivePermissions } from "../commands/effectivePermissions.ts";
import type { organizationSwitch } from "../commands/organizationSwitch.ts";
import type { registration } from "../commands/registration.ts";
import type { login, logout, logoutEverywhere, refresh } from "../commands/signIn.ts";
import { membershipsInOrganizationsOf } from "../projections/organizationReads.ts";
import { organizations } from "../projections/organizations.ts";
import { userById, users } from "../projections/users.ts";
import { membershipsOf, workspaces } from "../projections/workspaces.ts";
import type { App } from "./binder.ts";
import { exampleIds } from "./examples.ts";

type AccountOperations = {
  register: ReturnType<typeof registration>;
  login: ReturnType<typeof login>;
  refresh: ReturnType<typeof refresh>;
  logout: ReturnType<typeof logout>;
  logoutEverywhere: ReturnType<typeof logoutEverywhere>;
  switchOrganization: ReturnType<typeof organizationSwitch>;
  permissionsOf: (
    caller: { userId: string; organizationId: string },
    workspaceId: string | undefined,
  ) => Promise<EffectivePermissions | null>;
};

const Me = z.object({
  id: z.uuid(),
  email: z.email(),
  name: z.string(),
  organizations: z.array(z.object({ id: z.uuid(), name: z.string(), slug: z.string(), role: z.string() })),
  workspaces: z.array(z.object({ id: z.uuid(), name: z.string(), role: z.string() })),
});

const Permissions = z.object({
  organizationId: z.uuid(),
  workspaceId: z.uuid().nullable(),
  platformRole: z.enum(["user", "system_admin"]),
  organizationRole: z.string().nullable(),
  workspaceRole: z.string().nullable(),
  permissions: z.array(z.string()),
});

const ada = { id: exampleIds.user, email: "ada@example.com", name: "Ada" };
const acme = { id: exampleIds.organization, name: "Acme", slug: "acme", role: "member" } as const;
const password = "correct horse battery";
const refreshToken = `${exampleIds.member}.v4pY…`;
const signedIn = {
  accessToken: "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9…",
  refreshToken,
  tokenType: "Bearer",
  expiresIn: 900,
  user: ada,
} as const;

export const accountRoutes = (app: App, operations: AccountOperations): void => {
  app.command("POST", "/auth/register", operations.register, {
    status: 201,
    limit: "auth",
    author: ({ id }) => id,
    example: {
      body: { email: ada.email, password, name: ada.name },
      data: { ...ada, organizationId: exampleIds.organization },
    },
  });
  app.command("POST", "/auth/login", operations.login, {
    limit: "auth",
    author: ({ user }) => user.id,
    example: { body: { email: ada.email, password }, data: signedIn },
  });
  app.command("POST", "/auth/refresh", operations.refresh, {
    limit: "auth",
    author: ({ user }) => user.id,
    example: { body: { refreshToken }, data: signedIn },
  });
  app.command("POST", "/auth/logout", operations.logout, {
    limit: "auth",
    example: { body: { refreshToken }, data: null },
  });
  app.command("POST", "/auth/logout-everywhere", operations.logoutEverywhere, {
    limit: "auth",
    example: { body: {}, data: null },
  });
  app.command("POST", "/auth/switch", operations.switchOrganization, {
    limit: "auth",
    example: {
      body: { organizationId: exampleIds.organization },
      data: { accessToken: signedIn.accessToken, tokenType: "Bearer", expiresIn: 900, organization: acme },
    },
  });
  meRoutes(app, operations);
};

const meRoutes = (app: App, { permissionsOf }: AccountOperations): void => {
  app.query("/auth/permissions", {
    name: "GetPermissions",
    permission: "account:read",
    from: [users],
    query: { workspaceId: z.uuid().optional() },
    output: Permissions,
    example: {
      query: { workspaceId: exampleIds.workspace },
      data: {
        organizationId: exampleIds.organization,
        workspaceId: exampleIds.workspace,
        platformRole: "user",
        organizationRole: "member",
        workspaceRole: "viewer",
        permissions: ["workspace:create", "workspace:read"],
      },
    },
    load: (_, { caller, query }) => permissionsOf(caller, query.workspaceId),
  });
  app.query("/auth/me", {
    name: "GetMe",
    permission: "account:read",
    from: [users, organizations, workspaces],
    output: Me,
    example: {
      data: {
        ...ada,
        organizations: [{ id: exampleIds.organization, name: "Personal", slug: "personal-c0a1e7d4", role: "admin" }],
        workspaces: [{ id: exampleIds.workspace, name: "Growth", role: "owner" }],
      },
    },
    load: async (read, { caller: { userId } }) => {
      const account = await userById(read, userId);
      if (!account) return null;
      return {
        ...account,
        organizations: await membershipsInOrganizationsOf(read, userId),
        workspaces: await membershipsOf(read, userId),
      };
    },
  });
};
