import { CredentialView, DeleteCredential, StoreCredential } from "../commands/credentials.ts";
import { credentials, credentialsOf } from "../projections/credentials.ts";
import type { App } from "./binder.ts";
import { exampleIds, exampleTime } from "./examples.ts";

const inWorkspace = { workspaceId: exampleIds.workspace };
const stored = {
  id: exampleIds.credential,
  providerName: "openai",
  name: "Enrichment",
  maskedKey: "****x7Qz",
  createdAt: exampleTime,
  lastUsedAt: null,
};

export const credentialRoutes = (app: App): void => {
  app.command("POST", "/workspaces/:workspaceId/credentials", StoreCredential, {
    status: 201,
    fresh: "credentialId",
    example: {
      params: inWorkspace,
      body: { providerName: "openai", name: "Enrichment", key: "sk-…x7Qz" },
      data: stored,
    },
  });
  app.list("/workspaces/:workspaceId/credentials", {
    name: "ListCredentials",
    permission: "credential:read",
    from: [credentials],
    output: CredentialView,
    example: { params: inWorkspace, data: stored },
    load: (read, { params, query }) => credentialsOf(read, params.workspaceId, query),
  });
  app.command("DELETE", "/workspaces/:workspaceId/credentials/:credentialId", DeleteCredential, {
    example: { params: { ...inWorkspace, credentialId: exampleIds.credential }, data: null },
  });
};
