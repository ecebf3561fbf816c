import { z } from "zod";
import { type Aggregate, event } from "../../kernel/decider.ts";

const slugLengthMax = 100;
export const Slug = z
  .string()
  .max(slugLengthMax)
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/);
export const SlugKind = z.enum(["organization", "workspace"]);

const Claim = z.object({ claimId: z.uuid(), kind: SlugKind, slug: Slug, ownerId: z.uuid() });

const events = {
  SlugClaimed: event(Claim),
  SlugReleased: event(Claim),
};

type SlugClaim = { status: "free" } | { status: "held"; ownerId: string };

/** One slug belongs to one organization, or to one workspace: the stream's id is a keyed hash of kind and slug. */
export const slugClaim: Aggregate<typeof events, SlugClaim> = {
  category: "slug_claim",
  events,
  initial: { status: "free" },
  evolve: {
    SlugClaimed: (_, { ownerId }) => ({ status: "held", ownerId }),
    SlugReleased: () => ({ status: "free" }),
  },
};

const slugStemMax = 48;

/** "Café №1" → "cafe-no1"; a name with nothing to keep gives the fallback. */
export const slugOf = (name: string, fallback: string): string =>
  name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, slugStemMax)
    .replace(/^-+|-+$/g, "") || fallback;
