import { z } from "zod";
import { type Aggregate, event } from "../../kernel/decider.ts";
import { text } from "../../kernel/text.ts";
import { OrganizationRole } from "./roles.ts";
import { Slug } from "./slugClaim.ts";

const events = {
  OrganizationCreated: event(
    z.object({
      organizationId: z.uuid(),
      name: text(100),
      slug: Slug,
      isPersonal: z.boolean(),
      createdBy: z.uuid(),
    }),
  ),
  OrganizationMemberAdded: event(z.object({ organizationId: z.uuid(), userId: z.uuid(), role: OrganizationRole })),
};

type Organization =
  | { status: "absent" }
  | { status: "active"; name: string; slug: string; members: ReadonlyMap<string, OrganizationRole> };

/** Each of them is copied with every one that comes, and all of them are in memory. */
export const organizationMembersMax = 2_000;

/** The tenant. Who created it is its first admin. */
export const organization: Aggregate<typeof events, Organization> = {
  category: "organization",
  events,
  initial: { status: "absent" },
  evolve: {
    OrganizationCreated: (_, { name, slug, createdBy }) => ({
      status: "active",
      name,
      slug,
      members: new Map([[createdBy, "admin"]]),
    }),
    OrganizationMemberAdded: (current, { userId, role }) =>
      current.status === "active" ? { ...current, members: new Map(current.members).set(userId, role) } : current,
  },
};
