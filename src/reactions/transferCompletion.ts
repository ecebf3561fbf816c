import { carryOver } from "../commands/credits/transfers.ts";
import type { Handler } from "../commands/handler.ts";
import { creditLedger } from "../domain/credits/creditLedger.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection } from "../kernel/rejection.ts";
import { causedBy, refusedTo } from "./causedBy.ts";
import { type Reaction, reaction } from "./reaction.ts";

/**
 * Sees a transfer through that was sent: whoever sent it does the same at once, and may have been killed over it. The
 * steps are the transfer's own commands, so that each is taken once.
 */
export const transferCompletion = ({
  handler,
  now,
}: {
  handler: Pick<Handler, "handle" | "stateOf">;
  now: () => string;
}): Reaction =>
  reaction({
    name: "transfer_completion",
    of: [creditLedger],
    when: {
      TransferSent: async (sent, occurrence) => {
        const commandId = derivedId(sent.transferId, "carry");
        const outcome = await carryOver(handler, sent, causedBy(occurrence, { ...sent, commandId, now: now() }));
        if (isRejection(outcome)) throw refusedTo("a transfer cannot be completed", outcome);
      },
    },
  });
