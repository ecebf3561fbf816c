import { z } from "zod";
import { organization } from "../domain/tenancy/organization.ts";
import { OrganizationRole } from "../domain/tenancy/roles.ts";
import { isLastOwner, isThere, workspace } from "../domain/tenancy/workspace.ts";
import { reject } from "../kernel/rejection.ts";
import { Email, registeredUser } from "./accounts.ts";
import type { BlindIndex } from "./claims.ts";
import type { Handler } from "./handler.ts";
import { operation } from "./operation.ts";
import { AddOrganizationMember, RemoveOrganizationMember } from "./organizationMembers.ts";

/** ORG-07: who has an account becomes a member at once. */
export const organizationMemberAddition = ({ handler, blindIndex }: { handler: Handler; blindIndex: BlindIndex }) =>
  operation({
    name: AddOrganizationMember.name,
    permission: AddOrganizationMember.permission,
    input: z.object({ organizationId: z.uuid(), email: Email, role: OrganizationRole }),
    output: AddOrganizationMember.output,
    execute: async ({ organizationId, email, role }, context) => {
      const emailClaimId = blindIndex("email", email);
      const userId = await registeredUser(handler, emailClaimId);
      return userId
        ? handler.handle(AddOrganizationMember, { organizationId, userId, role, emailClaimId }, context)
        : reject("unprocessable", "NO_ACCOUNT", "There is no account with this e-mail address.");
    },
  });

/** ORG-07, WS-08: who is the only owner of a workspace gives it to somebody else first, or it is deleted. */
export const organizationMemberRemoval = ({ handler }: { handler: Handler }) =>
  operation({
    name: RemoveOrganizationMember.name,
    permission: RemoveOrganizationMember.permission,
    input: RemoveOrganizationMember.input,
    output: RemoveOrganizationMember.output,
    execute: async (input, context) => {
      const owned = await workspacesOwnedAlone(handler, input);
      return owned.length > 0
        ? reject("conflict", "LAST_OWNER", "This member is the only owner of workspaces.", { workspaceIds: owned })
        : handler.handle(RemoveOrganizationMember, input, context);
    },
  });

const workspacesOwnedAlone = async (
  { stateOf }: Pick<Handler, "stateOf">,
  { organizationId, userId }: { organizationId: string; userId: string },
): Promise<string[]> => {
  const { state } = await stateOf(organization, organizationId);
  const owned: string[] = [];
  for (const workspaceId of state.status === "absent" ? [] : state.workspaces) {
    const { state: there } = await stateOf(workspace, workspaceId);
    if (isThere(there) && isLastOwner(there, userId)) owned.push(workspaceId);
  }
  return owned;
};
