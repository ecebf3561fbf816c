import { z } from "zod";
import { type Aggregate, event } from "../../kernel/decider.ts";

/**
 * `claiming` tells one claim of a name by an organization from its next: one that has taken another name and then the
 * old one again must not lose it to the release of the first.
 */
export const NameClaim = z.object({ claimId: z.uuid(), claiming: z.uuid() });
export type NameClaim = z.output<typeof NameClaim>;

const Claim = NameClaim.extend({ organizationId: z.uuid() });

const events = { NameClaimed: event(Claim), NameReleased: event(Claim) };

type ClaimedName = { status: "free" } | { status: "held"; organizationId: string; claiming: string };

/** ORG-02: one name belongs to one of a user's organizations. The stream's id is a keyed hash of the user and it. */
export const nameClaim: Aggregate<typeof events, ClaimedName> = {
  category: "name_claim",
  events,
  initial: { status: "free" },
  evolve: {
    NameClaimed: (_, { organizationId, claiming }) => ({ status: "held", organizationId, claiming }),
    NameReleased: () => ({ status: "free" }),
  },
};
