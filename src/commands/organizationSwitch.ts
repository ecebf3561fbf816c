import { z } from "zod";
import { user } from "../domain/accounts/user.ts";
import { activeRole, isPresent, organization } from "../domain/tenancy/organization.ts";
import { OrganizationRole } from "../domain/tenancy/roles.ts";
import { isRejection } from "../kernel/rejection.ts";
import { unconditional } from "./commandContext.ts";
import type { Handler } from "./handler.ts";
import { operation } from "./operation.ts";
import { noOrganization } from "./organizations.ts";
import { SwitchOrganization } from "./sessions.ts";
import type { AccessClaims } from "./signIn.ts";

type Services = {
  handler: Handler;
  signAccessToken: (claims: AccessClaims) => Promise<{ accessToken: string; expiresIn: number }>;
};

const AccessToken = z.object({
  accessToken: z.string(),
  tokenType: z.literal("Bearer"),
  expiresIn: z.int().positive(),
  organization: z.object({
    id: z.uuid(),
    name: z.string(),
    slug: z.string(),
    role: OrganizationRole.nullable(),
  }),
});

/**
 * AUTH-26: an access token for another organization, in the same session. A system admin needs no membership, and has
 * no role then. Also into one that is inactive: its admin has to be able to make it active again.
 */
export const organizationSwitch = ({ handler, signAccessToken }: Services) =>
  operation({
    name: SwitchOrganization.name,
    permission: SwitchOrganization.permission,
    input: z.object({ organizationId: z.uuid() }),
    output: AccessToken,
    execute: async ({ organizationId }, context) => {
      const { actor, sessionId } = context;
      if (!actor.id || !sessionId) throw new Error("whoever switches has a session and an account");
      const [{ state: tenant }, { state: account }] = await Promise.all([
        handler.stateOf(organization, organizationId),
        handler.stateOf(user, actor.id),
      ]);
      const role = activeRole(tenant, actor.id) ?? null;
      const isSystemAdmin = account.status === "registered" && account.platformRole === "system_admin";
      if (!isPresent(tenant) || (role === null && !isSystemAdmin)) return noOrganization();

      const within = { ...unconditional(context), organizationId };
      const switched = await handler.handle(SwitchOrganization, { sessionId, organizationId }, within);
      if (isRejection(switched)) return switched;
      const claims = { userId: actor.id, sessionId, organizationId, roles: role === null ? [] : [role] };
      const { name, slug } = tenant;
      const answer = { ...(await signAccessToken(claims)), tokenType: "Bearer" as const };
      return { ...switched, answer: { ...answer, organization: { id: organizationId, name, slug, role } } };
    },
  });
