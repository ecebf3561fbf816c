import { type BlindIndex, ReleaseSlug, slugClaimId } from "../commands/claims.ts";
import type { CommandContext } from "../commands/commandContext.ts";
import type { Handler } from "../commands/handler.ts";
import { ReleaseWorkspace } from "../commands/workspaceAdmission.ts";
import { DismissMembers } from "../commands/workspaceMembers.ts";
import { workspace } from "../domain/tenancy/workspace.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection, type Rejection } from "../kernel/rejection.ts";
import { causedBy, refusedTo } from "./causedBy.ts";
import { type Reaction, reaction } from "./reaction.ts";

type Means = {
  handler: Pick<Handler, "handle" | "stateOf">;
  vault: { destroyAllOf(scope: string): Promise<void> };
  blindIndex: BlindIndex;
  now: () => string;
};

/**
 * WS-11: nobody can read a deleted workspace's credentials any more, its members leave it, and its slug and its place
 * in the organization are somebody else's to take. Its ledger is closed by a reaction of its own.
 */
export const workspaceCascade = ({ handler, vault, blindIndex, now }: Means): Reaction =>
  reaction({
    name: "workspace_cascade",
    of: [workspace],
    when: {
      WorkspaceDeleted: async ({ workspaceId, organizationId }, occurrence) => {
        const contextOf = (step: string): CommandContext => {
          const commandId = derivedId(occurrence.id, step);
          return causedBy(occurrence, { commandId, organizationId, workspaceId, now: now() });
        };
        await vault.destroyAllOf(workspaceId);
        done(await handler.handle(DismissMembers, { workspaceId }, contextOf("dismiss-members")));
        const { state } = await handler.stateOf(workspace, workspaceId);
        if (state.status === "DELETED") {
          const claimId = slugClaimId(blindIndex, "workspace", state.slug);
          const held = { claimId, kind: "workspace", slug: state.slug, ownerId: workspaceId } as const;
          done(await handler.handle(ReleaseSlug, held, contextOf("release-slug")));
        }
        done(await handler.handle(ReleaseWorkspace, { organizationId, workspaceId }, contextOf("release-place")));
      },
    },
  });

const done = (outcome: object | Rejection): void => {
  if (isRejection(outcome)) throw refusedTo("a deleted workspace cannot be cleared", outcome);
};
