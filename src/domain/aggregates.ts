import { apiKey } from "./accounts/apiKey.ts";
import { emailClaim } from "./accounts/emailClaim.ts";
import { session } from "./accounts/session.ts";
import { user } from "./accounts/user.ts";
import { accessLog } from "./audit/accessLog.ts";
import { credential } from "./credentials/credential.ts";
import { creditLedger } from "./credits/creditLedger.ts";
import { ledgerSeal } from "./credits/ledgerSeal.ts";
import { invitation } from "./tenancy/invitation.ts";
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
  workspace,
  invitation,
  creditLedger,
  ledgerSeal,
  credential,
  accessLog,
] as const;
