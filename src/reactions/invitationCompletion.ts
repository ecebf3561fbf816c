import type { Handler } from "../commands/handler.ts";
import { joinAsInvited } from "../commands/invitationAcceptance.ts";
import { giveBack } from "../commands/invitationUpkeep.ts";
import { invitation } from "../domain/tenancy/invitation.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection, type Rejection } from "../kernel/rejection.ts";
import { causedBy, refusedTo } from "./causedBy.ts";
import { type Reaction, reaction } from "./reaction.ts";

type Means = { handler: Pick<Handler, "handle">; now: () => string };

/**
 * INV-03: sees an invitation through that was accepted or revoked: whoever did it does the same at once, and may have
 * been killed over it. What it was for may have been deleted meanwhile.
 */
export const invitationCompletion = ({ handler, now }: Means): Reaction =>
  reaction({
    name: "invitation_completion",
    of: [invitation],
    when: {
      InvitationAccepted: async (accepted, occurrence) => {
        const commandId = derivedId(accepted.invitationId, "complete");
        const context = causedBy(occurrence, { ...accepted, commandId, now: now() });
        done(await joinAsInvited(handler, accepted, context));
      },
      InvitationRevoked: async (revoked, occurrence) => {
        const commandId = derivedId(occurrence.id, "give-back");
        done(await giveBack(handler, revoked, causedBy(occurrence, { ...revoked, commandId, now: now() })));
      },
    },
  });

const done = (outcome: object | Rejection): void => {
  if (isRejection(outcome) && outcome.rejected !== "missing")
    throw refusedTo("an invitation cannot be completed", outcome);
};
