import type { BlindIndex } from "../commands/claims.ts";
import type { Handler } from "../commands/handler.ts";
import type { KeyVault } from "../platform/keyVault.ts";
import type { PaymentProvider } from "../platform/payments/provider.ts";
import { autoRecharge } from "./autoRecharge.ts";
import { credentialErasure } from "./credentialErasure.ts";
import { invitationCompletion } from "./invitationCompletion.ts";
import { ledgerClosure } from "./ledgerClosure.ts";
import { membershipEnd } from "./membershipEnd.ts";
import { nameRelease } from "./nameRelease.ts";
import { organizationCascade } from "./organizationCascade.ts";
import type { Reaction } from "./reaction.ts";
import { transferCompletion } from "./transferCompletion.ts";
import { workspaceCascade } from "./workspaceCascade.ts";

/** What reactions have their effects with. */
type Means = {
  vault: KeyVault;
  handler: Handler;
  blindIndex: BlindIndex;
  payments: PaymentProvider;
  now: () => string;
};

/** Every policy there is, one line each. */
export const reactionsWith = (means: Means): readonly Reaction[] => [
  autoRecharge(means),
  credentialErasure(means.vault),
  invitationCompletion(means),
  ledgerClosure(means),
  membershipEnd(means),
  nameRelease(means),
  organizationCascade(means),
  transferCompletion(means),
  workspaceCascade(means),
];
