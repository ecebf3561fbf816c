import type { invitationAcceptance, invitationPreview, invitedRegistration } from "../commands/invitationAcceptance.ts";
import { InvitationView } from "../commands/invitations.ts";
import type {
  invitationRenewal,
  invitationRevocation,
  workspaceInvitationRenewal,
  workspaceInvitationRevocation,
} from "../commands/invitationUpkeep.ts";
import type { organizationInvitation } from "../commands/inviting.ts";
import type { Transaction } from "../platform/postgres.ts";
import {
  type InvitationRow,
  invitations,
  invitationsOfOrganization,
  invitationsOfWorkspace,
} from "../projections/invitations.ts";
import type { Paged } from "../projections/page.ts";
import type { App } from "./binder.ts";
import { exampleIds, exampleTime } from "./examples.ts";

type InvitationOperations = {
  inviteToOrganization: ReturnType<typeof organizationInvitation>;
  renew: ReturnType<typeof invitationRenewal>;
  revoke: ReturnType<typeof invitationRevocation>;
  renewInWorkspace: ReturnType<typeof workspaceInvitationRenewal>;
  revokeInWorkspace: ReturnType<typeof workspaceInvitationRevocation>;
  preview: ReturnType<typeof invitationPreview>;
  accept: ReturnType<typeof invitationAcceptance>;
  registerInvited: ReturnType<typeof invitedRegistration>;
  /** Addresses are read as they are stored. */
  open: (sealed: readonly string[], read: Transaction) => Promise<string[]>;
};

const place = { organizationId: exampleIds.organization };
const inWorkspace = { workspaceId: exampleIds.workspace };
const one = { invitationId: exampleIds.invitation };
const grace = "grace@example.com";
const invited = {
  id: exampleIds.invitation,
  ...place,
  workspaceId: null,
  role: "member",
  email: grace,
  status: "open",
  invitedBy: exampleIds.user,
  invitedAt: exampleTime,
  expiresAt: "2026-11-27T12:00:00.000Z",
} as const;
const token = `${exampleIds.invitation}.hX4q…`;
const joined = { ...place, workspaceId: null, role: "member" } as const;

export const invitationRoutes = (app: App, operations: InvitationOperations): void => {
  app.command("POST", "/organizations/:organizationId/invitations", operations.inviteToOrganization, {
    status: 201,
    example: { params: place, body: { email: grace, role: "member" }, data: { ...invited, token } },
  });
  app.list("/organizations/:organizationId/invitations", {
    name: "ListInvitations",
    permission: "invitation:read",
    from: [invitations],
    output: InvitationView,
    example: { params: place, data: invited },
    load: async (read, { params, query }) =>
      opened(operations.open, read, await invitationsOfOrganization(read, params.organizationId, query)),
  });
  app.command("POST", "/organizations/:organizationId/invitations/:invitationId/resend", operations.renew, {
    example: { params: { ...place, ...one }, data: { ...invited, token } },
  });
  app.command("DELETE", "/organizations/:organizationId/invitations/:invitationId", operations.revoke, {
    example: { params: { ...place, ...one }, data: null },
  });
  workspaceRoutes(app, operations);
  tokenRoutes(app, operations);
};

const workspaceRoutes = (app: App, { renewInWorkspace, revokeInWorkspace, open }: InvitationOperations): void => {
  const toWorkspace = { ...invited, ...inWorkspace };
  app.list("/workspaces/:workspaceId/invitations", {
    name: "ListWorkspaceInvitations",
    permission: "workspace:admin",
    from: [invitations],
    output: InvitationView,
    example: { params: inWorkspace, data: toWorkspace },
    load: async (read, { params, query }) =>
      opened(open, read, await invitationsOfWorkspace(read, params.workspaceId, query)),
  });
  app.command("POST", "/workspaces/:workspaceId/invitations/:invitationId/resend", renewInWorkspace, {
    example: { params: { ...inWorkspace, ...one }, data: { ...toWorkspace, token } },
  });
  app.command("DELETE", "/workspaces/:workspaceId/invitations/:invitationId", revokeInWorkspace, {
    example: { params: { ...inWorkspace, ...one }, data: null },
  });
};

/** Tokens are sent in the body: addresses of pages get into logs and histories. */
const tokenRoutes = (app: App, { preview, accept, registerInvited }: InvitationOperations): void => {
  app.command("POST", "/invitations/preview", preview, {
    limit: "auth",
    example: {
      body: { token },
      data: {
        ...joined,
        email: grace,
        organizationName: "Acme",
        workspaceName: null,
        expiresAt: invited.expiresAt,
        hasAccount: false,
      },
    },
  });
  app.command("POST", "/invitations/accept", accept, { limit: "auth", example: { body: { token }, data: joined } });
  app.command("POST", "/invitations/register", registerInvited, {
    status: 201,
    limit: "auth",
    author: ({ user }) => user.id,
    example: {
      body: { token, password: "correct horse battery", name: "Grace" },
      data: {
        ...joined,
        user: { id: exampleIds.member, email: grace, name: "Grace", organizationId: exampleIds.organization },
      },
    },
  });
};

const opened = async (
  open: InvitationOperations["open"],
  read: Transaction,
  { rows, ...found }: Paged<InvitationRow>,
) => {
  const emails = await open(
    rows.map(({ emailSealed }) => emailSealed),
    read,
  );
  return { ...found, rows: rows.map(({ emailSealed: _, ...row }, index) => ({ ...row, email: emails[index] ?? "" })) };
};
