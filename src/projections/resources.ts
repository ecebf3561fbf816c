import type { Happened, Resource } from "../kernel/resource.ts";
import { query, type Transaction } from "../platform/postgres.ts";
import { identifier, sql } from "../platform/sql.ts";
import { type Page, type Paged, paged } from "./page.ts";
import { insert, type Occurrence, type Projection, projection, set, table } from "./projection.ts";

/** One shape for all kinds: what is asked for is asked of what they have in common. */
const resourceTable = (name: string) =>
  table(
    name,
    {
      id: "uuid",
      organization_id: "uuid",
      workspace_id: "uuid null",
      kind: "text",
      // The workspace, or the organization, of what has no parent.
      parent_id: "uuid",
      rank: "text",
      status: "text",
      fields: "jsonb",
      created_by: "uuid null",
      created_at: "timestamptz",
      updated_at: "timestamptz",
      deleted_at: "timestamptz null",
      revision: "bigint",
    },
    ["id"],
  );

export type ResourceReadModel = Projection & { rows: ReturnType<typeof resourceTable> };

export const resourceReadModel = (name: string, resources: readonly Resource[]): ResourceReadModel => {
  const rows = resourceTable(name);
  const when = Object.assign({}, ...resources.map((resource) => changesTo(rows, resource)));
  const of = resources.map(({ on }) => on);
  return { ...projection({ name, version: 1, tables: [rows], of, when }), rows };
};

const changesTo = (rows: ResourceReadModel["rows"], { noun, kind }: Resource): Projection["when"] => {
  const changed = (id: string, { revision, metadata: { occurredAt } }: Occurrence, values: object) =>
    set(rows, { id }, { ...values, updated_at: occurredAt, revision });
  return {
    [`${noun}Created`]: (created: Happened<"Created">, { revision }: Occurrence) =>
      insert(rows, {
        id: created.id,
        organization_id: created.organizationId,
        workspace_id: created.workspaceId,
        kind,
        parent_id: created.parent?.id ?? created.workspaceId ?? created.organizationId,
        rank: created.rank,
        status: created.status,
        fields: JSON.stringify(created.fields),
        created_by: created.createdBy,
        created_at: created.createdAt,
        updated_at: created.createdAt,
        deleted_at: null,
        revision,
      }),
    [`${noun}Changed`]: ({ id, fields }: Happened<"Changed">, occurrence: Occurrence) =>
      changed(id, occurrence, { fields: JSON.stringify(fields) }),
    [`${noun}StatusChanged`]: ({ id, status }: Happened<"StatusChanged">, occurrence: Occurrence) =>
      changed(id, occurrence, { status }),
    [`${noun}Moved`]: ({ id, parent, rank, workspaceId, organizationId }: Happened<"Moved">, occurrence: Occurrence) =>
      changed(id, occurrence, { parent_id: parent?.id ?? workspaceId ?? organizationId, rank }),
    [`${noun}Deleted`]: ({ id }: Happened<"Deleted">, occurrence: Occurrence) =>
      changed(id, occurrence, { deleted_at: occurrence.metadata.occurredAt }),
    [`${noun}Restored`]: ({ id }: Happened<"Restored">, occurrence: Occurrence) =>
      changed(id, occurrence, { deleted_at: null }),
  };
};

/** What is asked for, and where: null is not asked for. */
export type Sought = {
  organizationId: string;
  workspaceId: string | null;
  kind: string;
  id?: string | null;
  parentId?: string | null;
  status?: string | null;
};

type ResourceRow = {
  id: string;
  organizationId: string;
  workspaceId: string | null;
  parentId: string;
  status: string;
  fields: Readonly<Record<string, unknown>>;
  createdBy: string | null;
  createdAt: string;
  updatedAt: string;
  position: number;
  revision: number;
};

/** PLAN-04: what is deleted takes all below it along, for as long as it is. */
const visible = (rows: ReturnType<typeof identifier>, sought: Sought) => {
  const { organizationId, workspaceId, kind, id = null, parentId = null, status = null } = sought;
  return {
    hidden: sql`
      with recursive hidden as (
        select id from ${rows}
        where organization_id = ${organizationId} and workspace_id is not distinct from ${workspaceId}::uuid
          and deleted_at is not null
        union
        select below.id from ${rows} below join hidden on below.parent_id = hidden.id
      )`,
    from: sql`
      from ${rows} item
      where item.organization_id = ${organizationId} and item.workspace_id is not distinct from ${workspaceId}::uuid
        and item.kind = ${kind} and not exists (select from hidden where hidden.id = item.id)
        and (${id}::uuid is null or item.id = ${id}::uuid)
        and (${parentId}::uuid is null or item.parent_id = ${parentId}::uuid)
        and (${status}::text is null or item.status = ${status}::text)`,
  };
};

/** Positions among siblings are dense: they count those that stand before. */
const columns = (rows: ReturnType<typeof identifier>) => sql`
  item.id, item.organization_id as "organizationId", item.workspace_id as "workspaceId", item.parent_id as "parentId",
  item.status, item.fields, item.created_by as "createdBy", item.created_at as "createdAt",
  item.updated_at as "updatedAt", item.revision,
  (select count(*) from ${rows} sibling
   where sibling.parent_id = item.parent_id and sibling.kind = item.kind and sibling.deleted_at is null
     and (sibling.rank, sibling.id) < (item.rank, item.id)) as position`;

/** PLAN-03: in their order, parent by parent. */
export const resourcesOf = async (
  read: Transaction,
  { rows }: ResourceReadModel,
  sought: Sought,
  page: Page,
): Promise<Paged<ResourceRow>> => {
  const named = identifier("read_model", rows.name);
  const { hidden, from } = visible(named, sought);
  const [counted] = await query<{ total: number }>(read, sql`${hidden} select count(*) as total ${from}`);
  return paged(page, counted?.total ?? 0, () =>
    query(
      read,
      sql`${hidden} select ${columns(named)} ${from}
          order by item.parent_id, item.rank, item.id limit ${page.limit} offset ${page.offset}`,
    ),
  );
};

export const resourceById = async (
  read: Transaction,
  { rows }: ResourceReadModel,
  sought: Sought & { id: string },
): Promise<ResourceRow | undefined> => {
  const named = identifier("read_model", rows.name);
  const { hidden, from } = visible(named, sought);
  const [row] = await query<ResourceRow>(read, sql`${hidden} select ${columns(named)} ${from}`);
  return row;
};
