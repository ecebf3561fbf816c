import { type BlindIndex, ReleaseName, ReleaseSlug, slugClaimId } from "../commands/claims.ts";
import type { CommandContext } from "../commands/commandContext.ts";
import type { Handler } from "../commands/handler.ts";
import { ReleaseWorkspace } from "../commands/workspaceAdmission.ts";
import { DeleteWorkspace } from "../commands/workspaces.ts";
import { nameClaim } from "../domain/tenancy/nameClaim.ts";
import { organization } from "../domain/tenancy/organization.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection } from "../kernel/rejection.ts";
import { causedBy, refusedTo } from "./causedBy.ts";
import { type Reaction, reaction } from "./reaction.ts";

type Writing = Pick<Handler, "handle" | "stateOf">;
type Means = { handler: Writing; blindIndex: BlindIndex; now: () => string };

/**
 * ORG-06: an organization that was deleted gives back its name and its slug, and its workspaces are deleted one by one,
 * each with all that follows. Had again after a crash, it goes on with those that are left.
 */
export const organizationCascade = ({ handler, blindIndex, now }: Means): Reaction =>
  reaction({
    name: "organization_cascade",
    of: [organization],
    when: {
      OrganizationDeleted: async ({ organizationId, slug, nameClaim: { claimId } }, occurrence) => {
        const contextOf = (step: string, workspaceId: string | null = null): CommandContext => {
          const commandId = derivedId(occurrence.id, step, workspaceId ?? "");
          return causedBy(occurrence, { commandId, organizationId, workspaceId, now: now() });
        };
        const { state: name } = await handler.stateOf(nameClaim, claimId);
        if (name.status === "held" && name.organizationId === organizationId) {
          const held = { claimId, claiming: name.claiming, organizationId };
          const released = await handler.handle(ReleaseName, held, contextOf("release-name"));
          if (isRejection(released)) throw refusedTo("a name cannot be given back", released);
        }
        const holding = { kind: "organization", slug, ownerId: organizationId } as const;
        const slugged = { ...holding, claimId: slugClaimId(blindIndex, "organization", slug) };
        const released = await handler.handle(ReleaseSlug, slugged, contextOf("release-slug"));
        if (isRejection(released)) throw refusedTo("a slug cannot be given back", released);

        const { state } = await handler.stateOf(organization, organizationId);
        for (const workspaceId of state.status === "DELETED" ? state.workspaces : [])
          await deleteWorkspace(handler, { organizationId, workspaceId }, contextOf);
      },
    },
  });

/** A place that was kept for a workspace nobody finished is given back here; any other by the workspace's own end. */
const deleteWorkspace = async (
  { handle }: Writing,
  place: { organizationId: string; workspaceId: string },
  contextOf: (step: string, workspaceId: string) => CommandContext,
): Promise<void> => {
  const { workspaceId } = place;
  const deleted = await handle(DeleteWorkspace, { workspaceId }, contextOf("delete", workspaceId));
  if (!isRejection(deleted)) return;
  if (deleted.rejected !== "missing") throw refusedTo("a workspace cannot be deleted", deleted);
  const released = await handle(ReleaseWorkspace, place, contextOf("release", workspaceId));
  if (isRejection(released)) throw refusedTo("a place cannot be given back", released);
};
