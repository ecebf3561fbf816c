import type { Handler } from "../commands/handler.ts";
import { EndMembership } from "../commands/workspaceMembers.ts";
import { organization } from "../domain/tenancy/organization.ts";
import { workspace } from "../domain/tenancy/workspace.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection } from "../kernel/rejection.ts";
import { causedBy, refusedTo } from "./causedBy.ts";
import { type Reaction, reaction } from "./reaction.ts";

type Means = { handler: Pick<Handler, "handle" | "stateOf">; now: () => string };

/** ORG-07: who leaves an organization leaves its workspaces, and finds nothing of it again when they come back. */
export const membershipEnd = ({ handler, now }: Means): Reaction =>
  reaction({
    name: "membership_end",
    of: [organization],
    when: {
      OrganizationMemberRemoved: async ({ organizationId, userId }, occurrence) => {
        const { state } = await handler.stateOf(organization, organizationId);
        const leftAt = occurrence.metadata.occurredAt;
        for (const workspaceId of state.status === "absent" ? [] : state.workspaces) {
          const { state: there } = await handler.stateOf(workspace, workspaceId);
          if (there.status === "absent" || !there.members.has(userId)) continue;
          const commandId = derivedId(occurrence.id, "end-membership", workspaceId);
          const context = causedBy(occurrence, { commandId, organizationId, workspaceId, now: now() });
          const ended = await handler.handle(EndMembership, { workspaceId, userId, leftAt }, context);
          if (isRejection(ended) && ended.rejected !== "missing")
            throw refusedTo("a membership cannot be ended", ended);
        }
      },
    },
  });
