import { z } from "zod";
import { isPresent, organization } from "../domain/tenancy/organization.ts";
import { WorkspaceRole } from "../domain/tenancy/roles.ts";
import { isThere, type Workspace, workspace } from "../domain/tenancy/workspace.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection } from "../kernel/rejection.ts";
import { Email, registeredUser } from "./accounts.ts";
import type { BlindIndex } from "./claims.ts";
import { unconditional } from "./commandContext.ts";
import type { Handler } from "./handler.ts";
import { operation } from "./operation.ts";
import { AddOrganizationMember } from "./organizationMembers.ts";
import { AddMember, InviteMember } from "./workspaceMembers.ts";

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
      const [userId, there] = await Promise.all([
        registeredUser(handler, emailClaimId),
        handler.stateOf(workspace, workspaceId),
      ]);
      const membersMax = await membersMaxOf(handler, there.state);
      if (!userId) {
        // A command of its own: sent again once the address has registered, the same request adds the member.
        const commandId = derivedId(context.commandId, "invitation");
        const invited = { workspaceId, invitationId: derivedId(commandId, emailClaimId), emailClaimId, email, role };
        const inviting = { ...context, commandId, preparedFrom: invited };
        return handler.handle(InviteMember, { ...invited, membersMax }, inviting);
      }
      const added = { workspaceId, userId, role, emailClaimId };
      const { expectedRevision } = context;
      const isExpected = expectedRevision === undefined || expectedRevision === there.revision;
      const foreseen = AddMember.decide({ ...added, membersMax }, there.state, context);
      if (isThere(there.state) && isExpected && !isRejection(foreseen)) {
        const joining = { organizationId: there.state.organizationId, userId, role: "viewer" } as const;
        const joined = await handler.handle(AddOrganizationMember, joining, unconditional(context));
        if (isRejection(joined) && joined.code !== "MEMBER_EXISTS") return joined;
      }
      return handler.handle(AddMember, { ...added, membersMax }, { ...context, preparedFrom: added });
    },
  });

/** WS-10: the quota of the organization as it is now; a workspace that is not there has none to ask for. */
const membersMaxOf = async ({ stateOf }: Handler, there: Workspace): Promise<number> => {
  if (!isThere(there)) return 0;
  const { state } = await stateOf(organization, there.organizationId);
  return isPresent(state) ? state.quotas.maxMembersPerWorkspace : 0;
};
