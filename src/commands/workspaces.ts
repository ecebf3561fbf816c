import { z } from "zod";
import { PlanType } from "../domain/tenancy/plans.ts";
import { WorkspaceRole } from "../domain/tenancy/roles.ts";
import { Slug } from "../domain/tenancy/slugClaim.ts";
import {
  isThere,
  type PresentWorkspace,
  type Workspace,
  WorkspaceName,
  WorkspaceStatus,
  workspace,
} from "../domain/tenancy/workspace.ts";
import { WorkspaceSettings } from "../domain/tenancy/workspaceSettings.ts";
import { type Actor, command } from "../kernel/decider.ts";
import { type Rejection, reject } from "../kernel/rejection.ts";

export const InWorkspace = z.object({ workspaceId: z.uuid() });
export const inWorkspace = ({ workspaceId }: { workspaceId: string }): string => workspaceId;

/** `role` is the one the caller acts with: an organization's admin without a membership acts as admin. */
export const WorkspaceView = z.object({
  id: z.uuid(),
  name: z.string(),
  slug: z.string(),
  planType: PlanType,
  organizationId: z.uuid(),
  status: WorkspaceStatus,
  role: WorkspaceRole,
  createdAt: z.iso.datetime(),
});

export const CreateWorkspace = command(workspace, {
  name: "CreateWorkspace",
  permission: "workspace:create",
  input: InWorkspace.extend({
    organizationId: z.uuid(),
    name: WorkspaceName,
    slug: Slug,
    planType: PlanType,
    ownerId: z.uuid(),
  }),
  output: WorkspaceView,
  stream: inWorkspace,
  decide: (created, current, { now }) =>
    current.status === "absent"
      ? [{ type: "WorkspaceCreated", data: { ...created, createdAt: now } }]
      : reject("conflict", "WORKSPACE_EXISTS", "This workspace was created before."),
  answer: workspaceView,
});

export const RenameWorkspace = command(workspace, {
  name: "RenameWorkspace",
  permission: "workspace:write",
  input: InWorkspace.extend({ name: WorkspaceName }),
  output: WorkspaceView,
  stream: inWorkspace,
  decide: ({ workspaceId, name }, current) =>
    whileThere(current, ({ organizationId, name: formerName }) =>
      formerName === name ? [] : [{ type: "WorkspaceRenamed", data: { workspaceId, organizationId, name } }],
    ),
  answer: workspaceView,
});

export const DeleteWorkspace = command(workspace, {
  name: "DeleteWorkspace",
  permission: "workspace:delete",
  input: InWorkspace,
  output: z.null(),
  stream: inWorkspace,
  decide: ({ workspaceId }, current) =>
    whileThere(current, ({ organizationId }) => [{ type: "WorkspaceDeleted", data: { workspaceId, organizationId } }]),
  answer: () => null,
});

/** WS-14: who may not work in it is told so by the access check. */
export const SetWorkspaceStatus = command(workspace, {
  name: "SetWorkspaceStatus",
  permission: "workspace:status",
  input: InWorkspace.extend({ status: WorkspaceStatus }),
  output: WorkspaceView,
  stream: inWorkspace,
  decide: ({ workspaceId, status }, current) =>
    whileThere(current, ({ organizationId, status: formerStatus }) =>
      formerStatus === status
        ? []
        : [{ type: "WorkspaceStatusChanged", data: { workspaceId, organizationId, status } }],
    ),
  answer: workspaceView,
});

/** WS-09. */
export const ChangeWorkspaceSettings = command(workspace, {
  name: "ChangeWorkspaceSettings",
  permission: "workspace:write",
  input: InWorkspace.extend(WorkspaceSettings.shape),
  output: WorkspaceSettings,
  stream: inWorkspace,
  decide: ({ workspaceId, ...settings }, current) =>
    whileThere(current, ({ organizationId, settings: { description, timeZone, language } }) => {
      const isSame =
        description === settings.description && timeZone === settings.timeZone && language === settings.language;
      return isSame ? [] : [{ type: "WorkspaceSettingsChanged", data: { workspaceId, organizationId, settings } }];
    }),
  answer: ({ state }) => present(state).settings,
});

export const whileThere = <Decision>(
  current: Workspace,
  decide: (present: PresentWorkspace) => Decision,
): Decision | Rejection => (isThere(current) ? decide(current) : noWorkspace());

export const isOwner = ({ members }: PresentWorkspace, { id }: Actor): boolean =>
  id !== null && members.get(id)?.role === "owner";

export const present = (state: Workspace): PresentWorkspace => {
  if (!isThere(state)) throw new Error("a workspace that was changed is there");
  return state;
};

/** Who may create or change a workspace acts as its owner or as an admin, whatever less their own membership says. */
function workspaceView({
  state,
  input: { workspaceId },
  facts: { actor },
}: {
  state: Workspace;
  input: { workspaceId: string };
  facts: { actor: Actor };
}): z.output<typeof WorkspaceView> {
  const { name, slug, planType, organizationId, status, createdAt } = present(state);
  const role = isOwner(present(state), actor) ? "owner" : "admin";
  return { id: workspaceId, name, slug, planType, organizationId, status, role, createdAt };
}

export const noWorkspace = (): Rejection => reject("missing", "RESOURCE_NOT_FOUND", "There is no such workspace.");
