import { z } from "zod";
import { emailClaim } from "../domain/accounts/emailClaim.ts";
import { user } from "../domain/accounts/user.ts";
import { WorkspaceRole } from "../domain/tenancy/roles.ts";
import { workspace } from "../domain/tenancy/workspace.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection } from "../kernel/rejection.ts";
import { Email } from "./accounts.ts";
import { unconditional } from "./commandContext.ts";
import type { Handler } from "./handler.ts";
import { operation } from "./operation.ts";
import { AddOrganizationMember, type BlindIndex } from "./organizations.ts";
import { AddMember, InviteMember } from "./workspaces.ts";

/**
 * WS-05: an address with an account becomes a member at once, another is invited. A member from outside becomes a
 * viewer of the organization, which lets them see that it exists and nothing else.
 */
export const memberAddition = ({ handler, blindIndex }: { handler: Handler; blindIndex: BlindIndex }) =>
  operation({
    name: AddMember.name,
    permission: AddMember.permission,
    input: z.object({ workspaceId: z.uuid(), email: Email, role: WorkspaceRole }),
    output: AddMember.output,
    execute: async ({ workspaceId, email, role }, context) => {
      const emailClaimId = blindIndex("email", email);
      const userId = await registeredUser(handler, emailClaimId);
      if (!userId) {
        // A command of its own: sent again once the address has registered, the same request adds the member.
        const commandId = derivedId(context.commandId, "invitation");
        const invitationId = derivedId(commandId, emailClaimId);
        const invited = { workspaceId, invitationId, emailClaimId, email, role };
        return handler.handle(InviteMember, invited, { ...context, commandId });
      }
      const { expectedRevision } = context;
      const { state, revision } = await handler.stateOf(workspace, workspaceId);
      const isExpected = expectedRevision === undefined || expectedRevision === revision;
      const added = { workspaceId, userId, role, emailClaimId };
      const foreseen = AddMember.decide(added, state, context);
      if (state.status === "active" && isExpected && !isRejection(foreseen)) {
        const joining = { organizationId: state.organizationId, userId, role: "viewer" } as const;
        const joined = await handler.handle(AddOrganizationMember, joining, unconditional(context));
        if (isRejection(joined)) return joined;
      }
      return handler.handle(AddMember, added, context);
    },
  });

const registeredUser = async ({ stateOf }: Handler, emailClaimId: string): Promise<string | undefined> => {
  const { state: claim } = await stateOf(emailClaim, emailClaimId);
  if (claim.status !== "held") return undefined;
  const { state: account } = await stateOf(user, claim.userId);
  return account.status === "registered" ? claim.userId : undefined;
};
