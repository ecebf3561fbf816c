import { z } from "zod";
import { type Aggregate, event } from "../../kernel/decider.ts";

const events = {
  EmailClaimed: event(z.object({ claimId: z.uuid(), userId: z.uuid() })),
  EmailReleased: event(z.object({ claimId: z.uuid(), userId: z.uuid() })),
};

type EmailClaim = { status: "free" } | { status: "held"; userId: string };

/**
 * One e-mail address belongs to one account. The stream's id is a keyed hash of the address, so two parallel claims
 * meet in one stream and the address itself stands nowhere.
 */
export const emailClaim: Aggregate<typeof events, EmailClaim> = {
  category: "email_claim",
  events,
  initial: { status: "free" },
  evolve: {
    EmailClaimed: (_, { userId }) => ({ status: "held", userId }),
    EmailReleased: () => ({ status: "free" }),
  },
};
