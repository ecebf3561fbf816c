import { z } from "zod";
import { type Fields, type Item, idName, type Resource } from "../kernel/resource.ts";

/** What its parent's id is called: below its parent it is called as in the path. */
export const parentName = ({ parents, isNested }: Resource): string | undefined => {
  const [parent] = parents;
  return parent && isNested ? idName(parent) : parent && "parentId";
};

/** What is told of an item. Here a kind's type ends: its schema goes on checking what its fields are. */
export const viewOf = (resource: Resource): z.ZodObject => {
  const parent = parentName(resource);
  return z.object({
    id: z.uuid(),
    organizationId: z.uuid(),
    ...(resource.scope === "workspace" && { workspaceId: z.uuid() }),
    ...(parent && { [parent]: z.uuid() }),
    status: z.enum(Object.keys(resource.statuses)),
    ...resource.fields.shape,
    createdBy: z.uuid().nullable(),
    createdAt: z.iso.datetime(),
  });
};

type Shown = Pick<Item, "organizationId" | "workspaceId" | "status" | "fields" | "createdBy" | "createdAt"> & {
  id: string;
  parentId: string | null;
};

export const shownAs = (resource: Resource, shown: Shown): Fields => {
  const { id, organizationId, workspaceId, parentId, status, fields, createdBy, createdAt } = shown;
  const parent = parentName(resource);
  return {
    id,
    organizationId,
    ...(resource.scope === "workspace" && { workspaceId }),
    ...(parent && { [parent]: parentId }),
    status,
    ...fields,
    createdBy,
    createdAt,
  };
};
