import { z } from "zod";
import { NameClaim, nameClaim } from "../domain/tenancy/nameClaim.ts";
import { Slug, SlugKind, slugClaim } from "../domain/tenancy/slugClaim.ts";
import { command } from "../kernel/decider.ts";
import { isRejection, type Rejection, reject } from "../kernel/rejection.ts";
import type { CommandContext, Handler } from "./handler.ts";

const SlugHolding = z.object({ claimId: z.uuid(), kind: SlugKind, slug: Slug, ownerId: z.uuid() });
const NameHolding = NameClaim.extend({ organizationId: z.uuid() });

export const ClaimSlug = command(slugClaim, {
  name: "ClaimSlug",
  permission: "account:write",
  input: SlugHolding,
  output: z.null(),
  stream: ({ claimId }) => claimId,
  decide: (claimed, claim) => {
    if (claim.status === "free") return [{ type: "SlugClaimed", data: claimed }];
    return claim.ownerId === claimed.ownerId ? [] : reject("conflict", "SLUG_TAKEN", "This slug is in use.");
  },
  answer: () => null,
});

/** Gives back what the owner holds; what another holds by now stays theirs. */
export const ReleaseSlug = command(slugClaim, {
  name: "ReleaseSlug",
  permission: "account:write",
  input: SlugHolding,
  output: z.null(),
  stream: ({ claimId }) => claimId,
  decide: (released, claim) =>
    claim.status === "held" && claim.ownerId === released.ownerId ? [{ type: "SlugReleased", data: released }] : [],
  answer: () => null,
});

/** Answers with the organization that has the name, whichever that is: one that was never finished is resumed. */
export const ClaimName = command(nameClaim, {
  name: "ClaimName",
  permission: "account:write",
  input: NameHolding,
  output: NameHolding.omit({ claimId: true }),
  stream: ({ claimId }) => claimId,
  decide: (claimed, claim) =>
    claim.status === "free" || claim.organizationId === claimed.organizationId
      ? [{ type: "NameClaimed", data: claimed }]
      : [],
  answer: ({ state }) => {
    if (state.status !== "held") throw new Error("a name that was claimed is held");
    return { organizationId: state.organizationId, claiming: state.claiming };
  },
});

/** Of this claiming alone: the organization may have taken the name again since. */
export const ReleaseName = command(nameClaim, {
  name: "ReleaseName",
  permission: "account:write",
  input: NameHolding,
  output: z.null(),
  stream: ({ claimId }) => claimId,
  decide: (released, claim) =>
    claim.status === "held" && claim.organizationId === released.organizationId && claim.claiming === released.claiming
      ? [{ type: "NameReleased", data: released }]
      : [],
  answer: () => null,
});

/** Derives the id of a claim's stream from the value claimed, under a key: the value cannot be guessed from the id. */
export type BlindIndex = (purpose: "email" | "slug" | "name", value: string) => string;

export const slugClaimId = (blindIndex: BlindIndex, kind: z.output<typeof SlugKind>, slug: string): string =>
  blindIndex("slug", `${kind}:${slug}`);

/** Lengths of the owner's id that are appended until a slug is free: the last is the whole id, which no other has. */
const suffixLengths = [0, 6, 12, 36];

/** WS-02: the slug wanted, or the same with a suffix when another has it. Asked again, an owner gets the same. */
export const claimSlug =
  ({ handle }: Pick<Handler, "handle">, blindIndex: BlindIndex) =>
  async (
    { kind, stem, ownerId }: { kind: z.output<typeof SlugKind>; stem: string; ownerId: string },
    context: CommandContext,
  ): Promise<string | Rejection> => {
    for (const length of suffixLengths) {
      const slug = length === 0 ? stem : `${stem}-${ownerId.slice(0, length)}`;
      const claimId = slugClaimId(blindIndex, kind, slug);
      const claimed = await handle(ClaimSlug, { claimId, kind, slug, ownerId }, context);
      if (!isRejection(claimed)) return slug;
      if (claimed.code !== "SLUG_TAKEN") return claimed;
    }
    return reject("conflict", "SLUG_TAKEN", "No free slug was found for this name.");
  };

type HeldName = { nameClaim: NameClaim; organizationId: string };

/** ORG-02: a user's names that differ in case or in their way of being written alone are one name. */
export const claimName =
  ({ handle }: Pick<Handler, "handle">, blindIndex: BlindIndex) =>
  async (
    { name, createdBy, organizationId }: { name: string; createdBy: string; organizationId: string },
    context: CommandContext,
  ): Promise<HeldName | Rejection> => {
    const spelling = name.normalize("NFKC").trim().toLowerCase();
    const claimId = blindIndex("name", `${createdBy}/${spelling}`);
    const claimed = await handle(ClaimName, { claimId, claiming: context.commandId, organizationId }, context);
    if (isRejection(claimed)) return claimed;
    const { organizationId: holder, claiming } = claimed.answer;
    return { nameClaim: { claimId, claiming }, organizationId: holder };
  };

export const nameTaken = (): Rejection =>
  reject("conflict", "NAME_TAKEN", "There is another organization of this name.");
