import type { Codec } from "../../eventstore/codec.ts";
import type { Actor } from "../../kernel/decider.ts";
import { revisionIn } from "../../kernel/ids.ts";
import { query, type Transaction } from "../../platform/postgres.ts";
import { type Sql, sql } from "../../platform/sql.ts";
import { type Page, type Paged, paged } from "../page.ts";
import type { AuditAction } from "./auditAction.ts";
import type { AuditContinuation, AuditFilter } from "./auditCursor.ts";
import { systemOrganizationId } from "./auditLog.ts";

type Values = Readonly<Record<string, unknown>>;
export type AuditRecord = {
  id: string;
  /** Null where it is the system's. */
  organizationId: string | null;
  workspaceId: string | null;
  actor: Actor;
  sessionId: string | null;
  requestId: string | null;
  action: AuditAction;
  resourceType: string;
  resourceId: string;
  event: string;
  /** Only what the event speaks of; before it, as far as an earlier one told. */
  changes: { before: Values; after: Values };
  ipAddress: string | null;
  userAgent: string | null;
  createdAt: string;
};

type Asked = { filter: AuditFilter; after?: AuditContinuation | undefined; limit: number };
type Stored = Omit<AuditRecord, "actor" | "changes"> & {
  actorKind: Actor["kind"];
  actorId: string | null;
  before: Values | null;
  after: Values;
};

/**
 * AUD-05: newest first, of one organization or, under its id, of the system. What follows a record stays the same while
 * others are written. `before` is looked up here: who writes a record knows nothing but its event.
 */
export const auditRecords = async (
  read: Transaction,
  { origins }: Pick<Codec, "origins">,
  organizationId: string,
  asked: Asked,
): Promise<AuditRecord[]> => {
  const sources = [...changesIn(organizationId, asked), ...movementsIn(organizationId, asked)];
  if (sources.length === 0) return [];
  const both = sources.reduce((all, source) => sql`${all} union all ${source}`);
  const rows = await query<Stored>(
    read,
    sql`select * from (${both}) as records (id, "organizationId", "workspaceId", "actorKind", "actorId", "sessionId",
          "requestId", action, "resourceType", "resourceId", event, after, before, "ipAddress", "userAgent",
          "createdAt")
        order by "createdAt" desc, id desc limit ${asked.limit}`,
  );
  const before = await valuesBefore(read, organizationId, rows);
  const from = await origins(
    rows.map(({ actorKind, actorId, ipAddress, userAgent }) => ({
      ...{ actor: { kind: actorKind, id: actorId }, ip: ipAddress, userAgent },
    })),
  );
  return rows.map(({ actorKind, actorId, after, ...row }, index) => ({
    ...row,
    organizationId: row.organizationId === systemOrganizationId ? null : row.organizationId,
    actor: { kind: actorKind, id: actorId },
    changes: { before: row.before ?? before.get(row.id) ?? {}, after },
    ipAddress: from[index]?.ip ?? null,
    userAgent: from[index]?.userAgent ?? null,
  }));
};

/** Where nothing at all can be found nothing is asked for. */
const changesIn = (organizationId: string, { filter, after, limit }: Asked): Sql[] => {
  const { userId, action, resourceType, resourceId, workspaceId, from, to } = filter;
  if (resourceType === transactionType) return [];
  const which = [
    sql`a.organization_id = ${organizationId}`,
    ...(userId === undefined ? [] : [sql`a.actor_id = ${userId}`]),
    ...(action === undefined ? [] : [sql`a.action = ${action}`]),
    ...(resourceType === undefined ? [] : [sql`a.resource_type = ${resourceType}`]),
    ...(resourceId === undefined ? [] : [sql`a.resource_id = ${resourceId}`]),
    ...(workspaceId === undefined ? [] : [sql`a.workspace_id = ${workspaceId}`]),
    ...(from === undefined ? [] : [sql`a.created_at >= ${from}`]),
    ...(to === undefined ? [] : [sql`a.created_at < ${to}`]),
    ...(after === undefined ? [] : [sql`(a.created_at, a.id) < (${after.at}::timestamptz, ${after.id}::uuid)`]),
  ];
  return [
    sql`(select a.id, a.organization_id, a.workspace_id, a.actor_kind, a.actor_id, a.session_id, a.request_id, a.action,
        a.resource_type, a.resource_id, a.event_type, a.changes, null::jsonb, a.ip_address, a.user_agent, a.created_at
      from read_model.audit_log a where ${all(which)}
      order by a.created_at desc, a.id desc limit ${limit})`,
  ];
};

const transactionType = "credit_transaction";

/** Credits that moved are records already. Each workspace's lines lie in their order: the newest of each are enough. */
const movementsIn = (organizationId: string, { filter, after, limit }: Asked): Sql[] => {
  const { userId, action, resourceType, resourceId, workspaceId, from, to } = filter;
  const isOther = resourceType !== undefined && resourceType !== transactionType;
  if (isOther || (action !== undefined && action !== "CREATE")) return [];
  const revision = resourceId === undefined ? undefined : revisionIn(resourceId);
  if (resourceId !== undefined && revision === undefined) return [];
  const which = [
    sql`t.workspace_id = w.id and t.organization_id = w.organization_id`,
    ...(userId === undefined ? [] : [sql`t.actor_id = ${userId}`]),
    ...(resourceId === undefined ? [] : [sql`t.id = ${resourceId} and t.revision = ${revision ?? 0n}`]),
    ...(from === undefined ? [] : [sql`t.created_at >= ${from}`]),
    ...(to === undefined ? [] : [sql`t.created_at < ${to}`]),
    ...(after === undefined ? [] : [sql`t.created_at <= ${after.at}`]),
    ...(after === undefined ? [] : [sql`(t.created_at, t.id) < (${after.at}::timestamptz, ${after.id}::uuid)`]),
  ];
  const where = workspaceId === undefined ? sql`` : sql`and w.id = ${workspaceId}`;
  return [
    sql`(select t.id, t.organization_id, t.workspace_id, t.actor_kind, t.actor_id, null::uuid, null::text, 'CREATE',
        ${transactionType}, t.id, t.transaction_type,
        jsonb_build_object('balance', t.balance_after, 'change', t.change, 'description', t.description,
          'referenceId', t.reference_id, 'category', t.category, 'holdId', t.hold_id, 'debitId', t.debit_id,
          'transferId', t.transfer_id, 'otherWorkspaceId', t.other_workspace_id),
        jsonb_build_object('balance', t.balance_after - t.change), null::text, null::text, t.created_at
      from read_model.workspaces w cross join lateral (
        select * from read_model.credit_transactions t where ${all(which)}
        order by t.created_at desc, t.id desc limit ${limit}
      ) t where w.organization_id = ${organizationId} ${where}
      order by t.created_at desc, t.id desc limit ${limit})`,
  ];
};

const all = (conditions: readonly Sql[]): Sql => conditions.reduce((every, each) => sql`${every} and ${each}`);

/** What the fields of a change were: as the last event before it that told them of the same part said. */
const valuesBefore = async (
  read: Transaction,
  organizationId: string,
  rows: readonly Stored[],
): Promise<ReadonlyMap<string, Values>> => {
  const changed = rows.filter(({ action }) => action === "UPDATE" || action === "DELETE").map(({ id }) => id);
  if (changed.length === 0) return new Map();
  const found = await query<{ id: string; values: Values }>(
    read,
    sql`select a.id, jsonb_object_agg(field.name, earlier.value) as values
      from read_model.audit_log a
      cross join lateral jsonb_object_keys(a.changes) as field (name)
      cross join lateral (
        select p.changes -> field.name as value from read_model.audit_log p
        where p.organization_id = a.organization_id and p.resource_type = a.resource_type
          and p.resource_id = a.resource_id and p.part = a.part and p.revision < a.revision
          and p.changes ? field.name
        order by p.revision desc limit 1
      ) as earlier
      where a.organization_id = ${organizationId} and a.id = any(${changed}::uuid[])
      group by a.id`,
  );
  return new Map(found.map(({ id, values }) => [id, values]));
};

type Denial = {
  id: string;
  organizationId: string;
  actor: Actor;
  operation: string;
  targetOrganizationId: string | null;
  targetWorkspaceId: string | null;
  attempts: number;
  firstAt: string;
  lastAt: string;
};

/** TEN-15: who asked for what is another organization's, or nobody's, newest first. */
export const crossTenantDenials = async (read: Transaction, page: Page): Promise<Paged<Denial>> => {
  const [counted] = await query<{ total: number }>(
    read,
    sql`select count(*) as total from read_model.cross_tenant_denials`,
  );
  return paged(page, counted?.total ?? 0, () =>
    query<Denial>(
      read,
      sql`select id, organization_id as "organizationId",
            jsonb_build_object('kind', actor_kind, 'id', actor_id) as actor, operation,
            target_organization_id as "targetOrganizationId", target_workspace_id as "targetWorkspaceId",
            attempts, first_at as "firstAt", last_at as "lastAt"
          from read_model.cross_tenant_denials order by last_at desc, id desc
          limit ${page.limit} offset ${page.offset}`,
    ),
  );
};
