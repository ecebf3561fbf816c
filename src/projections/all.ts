import { apiKeys } from "./apiKeys.ts";
import { auditLog } from "./audit/auditLog.ts";
import { billing } from "./billing.ts";
import { credentials } from "./credentials.ts";
import { invitations } from "./invitations.ts";
import { ledgerSeals } from "./ledgerSeals.ts";
import { organizations } from "./organizations.ts";
import { planningItems } from "./planning.ts";
import type { Projection } from "./projection.ts";
import { refreshTokens } from "./refreshTokens.ts";
import { jobs, repositories } from "./repositories.ts";
import { users } from "./users.ts";
import { workspaces } from "./workspaces.ts";

/** Every read model there is: a new one is added here and nowhere else. */
export const projections: readonly Projection[] = [
  users,
  organizations,
  refreshTokens,
  workspaces,
  invitations,
  apiKeys,
  credentials,
  repositories,
  jobs,
  planningItems,
  billing,
  ledgerSeals,
  auditLog,
];
