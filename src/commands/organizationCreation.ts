import { z } from "zod";
import { isPresent, OrganizationName, organization } from "../domain/tenancy/organization.ts";
import type { PlanType } from "../domain/tenancy/plans.ts";
import { Slug, slugOf } from "../domain/tenancy/slugClaim.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection, type Rejection } from "../kernel/rejection.ts";
import { type BlindIndex, ClaimSlug, claimName, claimSlug, nameTaken, slugClaimId } from "./claims.ts";
import { type CommandContext, unconditional } from "./commandContext.ts";
import type { Handler } from "./handler.ts";
import { operation } from "./operation.ts";
import { CreateOrganization, InOrganization, noOrganization, RenameOrganization } from "./organizations.ts";

type Services = { handler: Handler; blindIndex: BlindIndex };

/**
 * ORG-01, ORG-02: the name is claimed first, and says which organization it is: one that was begun and never finished
 * is taken up. A slug that was asked for is had as it is, or not at all.
 */
export const organizationCreation = ({ handler, blindIndex, plan }: Services & { plan: PlanType }) =>
  operation({
    name: CreateOrganization.name,
    permission: CreateOrganization.permission,
    input: z.object({ name: OrganizationName, slug: Slug.optional() }),
    output: CreateOrganization.output,
    execute: async (asked, sent) => {
      const createdBy = sent.actor.id;
      if (!createdBy) throw new Error("whoever creates an organization has an account");
      const context = { ...unconditional(sent), preparedFrom: asked };
      const wanted = { name: asked.name, createdBy, organizationId: derivedId(sent.commandId, "organization") };
      const held = await claimName(handler, blindIndex)(wanted, context);
      if (isRejection(held)) return held;
      const { organizationId, nameClaim } = held;
      const { state } = await handler.stateOf(organization, organizationId);
      if (state.status !== "absent" && organizationId !== wanted.organizationId) return nameTaken();

      const within = { ...context, organizationId };
      const slug = await slugFor({ handler, blindIndex }, { ...asked, organizationId }, within);
      if (typeof slug !== "string") return slug;
      const created = { organizationId, name: asked.name, nameClaim, slug, isPersonal: false, plan, createdBy };
      return handler.handle(CreateOrganization, created, within);
    },
  });

const slugFor = async (
  { handler, blindIndex }: Services,
  { name, slug, organizationId }: { name: string; slug?: string | undefined; organizationId: string },
  context: CommandContext,
): Promise<string | Rejection> => {
  const holding = { kind: "organization", ownerId: organizationId } as const;
  if (slug === undefined)
    return claimSlug(handler, blindIndex)({ ...holding, stem: slugOf(name, "organization") }, context);
  const claimId = slugClaimId(blindIndex, "organization", slug);
  const claimed = await handler.handle(ClaimSlug, { ...holding, slug, claimId }, context);
  return isRejection(claimed) ? claimed : slug;
};

/** The new name is claimed first; the former claim is given back by a reaction. */
export const organizationRenaming = ({ handler, blindIndex }: Services) =>
  operation({
    name: RenameOrganization.name,
    permission: RenameOrganization.permission,
    input: InOrganization.extend({ name: OrganizationName }),
    output: RenameOrganization.output,
    execute: async ({ organizationId, name }, context) => {
      const { state } = await handler.stateOf(organization, organizationId);
      if (!isPresent(state)) return noOrganization();
      const repeatable = { ...context, preparedFrom: { organizationId, name } };
      if (name === state.name)
        return handler.handle(RenameOrganization, { organizationId, name, nameClaim: state.nameClaim }, repeatable);
      const wanted = { name, createdBy: state.createdBy, organizationId };
      const held = await claimName(handler, blindIndex)(wanted, unconditional(context));
      if (isRejection(held)) return held;
      if (held.organizationId !== organizationId) return nameTaken();
      return handler.handle(RenameOrganization, { organizationId, name, nameClaim: held.nameClaim }, repeatable);
    },
  });
