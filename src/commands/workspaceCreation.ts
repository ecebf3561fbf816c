import { z } from "zod";
import { organization } from "../domain/tenancy/organization.ts";
import { slugOf } from "../domain/tenancy/slugClaim.ts";
import { WorkspaceName } from "../domain/tenancy/workspace.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection, reject } from "../kernel/rejection.ts";
import { type BlindIndex, claimSlug } from "./claims.ts";
import { unconditional } from "./commandContext.ts";
import { OpenLedger } from "./credits/opening.ts";
import type { Handler } from "./handler.ts";
import { operation } from "./operation.ts";
import { AdmitWorkspace } from "./workspaceAdmission.ts";
import { CreateWorkspace } from "./workspaces.ts";

type Options = { handler: Handler; blindIndex: BlindIndex };

/**
 * WS-01, WS-02: ledger, place in the organization and slug come first and the workspace last, so that no workspace ever
 * lacks any. The ledger is nobody else's: what is wrong with the key or with the revision expected is found there,
 * before a place and a slug are taken. An organization that has no place left is asked before even that.
 */
export const workspaceCreation = ({ handler, blindIndex }: Options) =>
  operation({
    name: CreateWorkspace.name,
    permission: CreateWorkspace.permission,
    input: z.object({ name: WorkspaceName }),
    output: CreateWorkspace.output,
    execute: async ({ name }, context) => {
      const { organizationId, actor } = context;
      if (!organizationId || !actor.id) return reject("forbidden", "FORBIDDEN", "There is no active organization.");
      const workspaceId = derivedId(context.commandId, "workspace");
      const admission = { organizationId, workspaceId };
      const { state } = await handler.stateOf(organization, organizationId);
      const foreseen = AdmitWorkspace.decide(admission, state, context);
      if (isRejection(foreseen)) return foreseen;
      const planType = state.status === "ACTIVE" ? state.plan : "free";

      // What was asked for, not what it was made of: a plan that is another one by now makes no other command.
      const asked = { ...context, workspaceId, preparedFrom: { organizationId, name } };
      const opened = await handler.handle(OpenLedger, { workspaceId, organizationId, planType }, asked);
      if (isRejection(opened)) return opened;
      const within = { ...unconditional(context), workspaceId };
      const admitted = await handler.handle(AdmitWorkspace, admission, within);
      if (isRejection(admitted)) return admitted;
      const slug = await claimSlug(handler, blindIndex)(
        { kind: "workspace", stem: slugOf(name, "workspace"), ownerId: workspaceId },
        within,
      );
      if (typeof slug !== "string") return slug;
      const created = { workspaceId, organizationId, name, slug, planType, ownerId: actor.id };
      return handler.handle(CreateWorkspace, created, { ...within, preparedFrom: asked.preparedFrom });
    },
  });
