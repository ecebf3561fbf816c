import { z } from "zod";
import type { registration } from "../commands/registration.ts";
import type { login, logout, logoutEverywhere, refresh } from "../commands/signIn.ts";
import { organizations, organizationsOf } from "../projections/organizations.ts";
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
};

const Me = z.object({
  id: z.uuid(),
  email: z.email(),
  name: z.string(),
  organizations: z.array(z.object({ id: z.uuid(), name: z.string(), slug: z.string(), role: z.string() })),
  workspaces: z.array(z.object({ id: z.uuid(), name: z.string(), role: z.string() })),
});

const ada = { id: exampleIds.user, email: "ada@example.com", name: "Ada" };
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
        organizations: await organizationsOf(read, userId),
        workspaces: await membershipsOf(read, userId),
      };
    },
  });
};
