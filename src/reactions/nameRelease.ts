import { ReleaseName } from "../commands/claims.ts";
import type { Handler } from "../commands/handler.ts";
import { isPresent, organization } from "../domain/tenancy/organization.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection } from "../kernel/rejection.ts";
import { causedBy, refusedTo } from "./causedBy.ts";
import { type Reaction, reaction } from "./reaction.ts";

type Means = { handler: Pick<Handler, "handle" | "stateOf">; now: () => string };

/** ORG-02: the name an organization had is free for another of the same user, unless it has taken it again. */
export const nameRelease = ({ handler, now }: Means): Reaction =>
  reaction({
    name: "name_release",
    of: [organization],
    when: {
      OrganizationRenamed: async ({ organizationId, formerClaim }, occurrence) => {
        const { state } = await handler.stateOf(organization, organizationId);
        if (isPresent(state) && state.nameClaim.claimId === formerClaim.claimId) return;
        const commandId = derivedId(occurrence.id, "release-name");
        const context = causedBy(occurrence, { commandId, organizationId, workspaceId: null, now: now() });
        const released = await handler.handle(ReleaseName, { ...formerClaim, organizationId }, context);
        if (isRejection(released)) throw refusedTo("a name cannot be given back", released);
      },
    },
  });
