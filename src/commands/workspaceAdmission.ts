import { z } from "zod";
import { organization } from "../domain/tenancy/organization.ts";
import { command } from "../kernel/decider.ts";
import { reject } from "../kernel/rejection.ts";
import { InOrganization, inOrganization, quotaExceeded, whilePresent } from "./organizations.ts";

const Admission = InOrganization.extend({ workspaceId: z.uuid() });

/** QUO-02: a workspace is given its place before it is made, in the one stream in which all places are. */
export const AdmitWorkspace = command(organization, {
  name: "AdmitWorkspace",
  permission: "workspace:create",
  input: Admission,
  output: z.null(),
  stream: inOrganization,
  decide: (admitted, current) =>
    whilePresent(current, ({ status, workspaces, quotas }) => {
      if (status === "INACTIVE")
        return reject("forbidden", "ORGANIZATION_INACTIVE", "This organization is not active.");
      if (workspaces.has(admitted.workspaceId)) return [];
      if (workspaces.size >= quotas.maxWorkspaces)
        return quotaExceeded("maxWorkspaces", quotas.maxWorkspaces, workspaces.size);
      return [{ type: "WorkspaceAdmitted", data: admitted }];
    }),
  answer: () => null,
});

/** Of an organization that was deleted too: its workspaces go after it. */
export const ReleaseWorkspace = command(organization, {
  name: "ReleaseWorkspace",
  permission: "workspace:delete",
  input: Admission,
  output: z.null(),
  stream: inOrganization,
  decide: (released, current) =>
    current.status !== "absent" && current.workspaces.has(released.workspaceId)
      ? [{ type: "WorkspaceReleased", data: released }]
      : [],
  answer: () => null,
});
