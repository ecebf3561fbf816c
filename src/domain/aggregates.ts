import { apiKey } from "./accounts/apiKey.ts";
import { emailClaim } from "./accounts/emailClaim.ts";
import { session } from "./accounts/session.ts";
import { user } from "./accounts/user.ts";
import { accessLog } from "./audit/accessLog.ts";
import { credential } from "./credentials/credential.ts";
import { creditLedger } from "./credits/creditLedger.ts";
import { ledgerSeal } from "./credits/ledgerSeal.ts";
import {
  component,
  epic,
  feature,
  product,
  productBrief,
  productRequirement,
  subtask,
  task,
  technicalRequirement,
  userStory,
} from "./planning/planning.ts";
import { job } from "./repositories/job.ts";
import { repository } from "./repositories/repository.ts";
import { invitation } from "./tenancy/invitation.ts";
import { keyClaim } from "./tenancy/keyClaim.ts";
import { nameClaim } from "./tenancy/nameClaim.ts";
import { organization } from "./tenancy/organization.ts";
import { slugClaim } from "./tenancy/slugClaim.ts";
import { workspace } from "./tenancy/workspace.ts";

/** Everything that can happen, in one list: for the live subscription and for the generated documents. */
export const aggregates = [
  emailClaim,
  user,
  session,
  apiKey,
  organization,
  nameClaim,
  slugClaim,
  keyClaim,
  workspace,
  invitation,
  creditLedger,
  ledgerSeal,
  credential,
  repository.aggregate,
  job.aggregate,
  product.aggregate,
  productBrief.aggregate,
  epic.aggregate,
  productRequirement.aggregate,
  technicalRequirement.aggregate,
  feature.aggregate,
  userStory.aggregate,
  component.aggregate,
  task.aggregate,
  subtask.aggregate,
  accessLog,
] as const;
