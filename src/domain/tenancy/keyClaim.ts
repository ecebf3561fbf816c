import { z } from "zod";
import { type Aggregate, event } from "../../kernel/decider.ts";

/**
 * A key is held by one item among those that may not share it; the stream's id is a keyed hash of it and of where it
 * holds. `claiming` tells one claim by an item from its next. An item that is deleted or takes another key says so in
 * its own stream alone: its claim stays until somebody else wants the key.
 */
const Claim = z.object({
  claimId: z.uuid(),
  claiming: z.uuid(),
  organizationId: z.uuid(),
  holderId: z.uuid(),
});

const events = { KeyClaimed: event(Claim), KeyReleased: event(Claim) };

type ClaimedKey = { status: "free" } | { status: "held"; holderId: string; claiming: string };

export const keyClaim: Aggregate<typeof events, ClaimedKey> = {
  category: "key_claim",
  events,
  initial: { status: "free" },
  evolve: {
    KeyClaimed: (_, { holderId, claiming }) => ({ status: "held", holderId, claiming }),
    KeyReleased: () => ({ status: "free" }),
  },
};
