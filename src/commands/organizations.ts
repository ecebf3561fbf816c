import { z } from "zod";
import { organization, organizationMembersMax } from "../domain/tenancy/organization.ts";
import { OrganizationRole } from "../domain/tenancy/roles.ts";
import { Slug, SlugKind, slugClaim } from "../domain/tenancy/slugClaim.ts";
import { command } from "../kernel/decider.ts";
import { isRejection, type Rejection, reject } from "../kernel/rejection.ts";
import { text } from "../kernel/text.ts";
import type { CommandContext, Handler } from "./handler.ts";

export const CreateOrganization = command(organization, {
  name: "CreateOrganization",
  permission: "account:write",
  input: z.object({
    organizationId: z.uuid(),
    name: text(100),
    slug: Slug,
    isPersonal: z.boolean(),
    createdBy: z.uuid(),
  }),
  output: z.null(),
  stream: ({ organizationId }) => organizationId,
  decide: (created, current) => (current.status === "absent" ? [{ type: "OrganizationCreated", data: created }] : []),
  answer: () => null,
});

/** Never lowers a role: who belongs to the organization already stays what they are. */
export const AddOrganizationMember = command(organization, {
  name: "AddOrganizationMember",
  permission: "member:write",
  input: z.object({ organizationId: z.uuid(), userId: z.uuid(), role: OrganizationRole }),
  output: z.null(),
  stream: ({ organizationId }) => organizationId,
  decide: (added, current) => {
    if (current.status !== "active") return reject("missing", "RESOURCE_NOT_FOUND", "There is no such organization.");
    if (current.members.has(added.userId)) return [];
    if (current.members.size >= organizationMembersMax)
      return reject("conflict", "MEMBER_LIMIT_REACHED", "This organization has as many members as it may have.", {
        membersMax: organizationMembersMax,
      });
    return [{ type: "OrganizationMemberAdded", data: added }];
  },
  answer: () => null,
});

export const ClaimSlug = command(slugClaim, {
  name: "ClaimSlug",
  permission: "account:write",
  input: z.object({ claimId: z.uuid(), kind: SlugKind, slug: Slug, ownerId: z.uuid() }),
  output: z.null(),
  stream: ({ claimId }) => claimId,
  decide: (claimed, claim) => {
    if (claim.status === "free") return [{ type: "SlugClaimed", data: claimed }];
    return claim.ownerId === claimed.ownerId ? [] : reject("conflict", "SLUG_TAKEN", "This slug is in use.");
  },
  answer: () => null,
});

/** Derives the id of a claim's stream from the value claimed, under a key: the value cannot be guessed from the id. */
export type BlindIndex = (purpose: "email" | "slug", value: string) => string;

/** Lengths of the owner's id that are appended until a slug is free: the last is the whole id, which no other has. */
const suffixLengths = [0, 6, 12, 36];

/** WS-02: the slug wanted, or the same with a suffix when another has it. Asked again, an owner gets the same. */
export const claimSlug =
  ({ handle }: Handler, blindIndex: BlindIndex) =>
  async (
    { kind, stem, ownerId }: { kind: z.output<typeof SlugKind>; stem: string; ownerId: string },
    context: CommandContext,
  ): Promise<string | Rejection> => {
    for (const length of suffixLengths) {
      const slug = length === 0 ? stem : `${stem}-${ownerId.slice(0, length)}`;
      const claimId = blindIndex("slug", `${kind}:${slug}`);
      const claimed = await handle(ClaimSlug, { claimId, kind, slug, ownerId }, context);
      if (!isRejection(claimed)) return slug;
      if (claimed.code !== "SLUG_TAKEN") return claimed;
    }
    return reject("conflict", "SLUG_TAKEN", "No free slug was found for this name.");
  };
