import type { z } from "zod";
import { aggregates } from "../../domain/aggregates.ts";
import { accessLog } from "../../domain/audit/accessLog.ts";
import type { LedgerEvents } from "../../domain/credits/ledgerEvents.ts";
import type { EventDef, EventSource } from "../../kernel/decider.ts";
import { isCiphertext } from "../../platform/encryption.ts";
import { type Effect, each, ignore, insert, type Projection, table } from "../projection.ts";
import { auditActionOf } from "./auditAction.ts";
import { redaction } from "./redaction.ts";

/** Whose records are nobody's in particular: those of the system, which no organization ever has the id of. */
export const systemOrganizationId = "00000000-0000-0000-0000-000000000000";

const auditLogTable = table(
  "audit_log",
  {
    id: "uuid",
    organization_id: "uuid",
    workspace_id: "uuid null",
    actor_kind: "text",
    actor_id: "text null",
    session_id: "uuid null",
    request_id: "text",
    action: "text",
    resource_type: "text",
    resource_id: "uuid",
    part: "text",
    event_type: "text",
    changes: "jsonb",
    ip_address: "text null",
    user_agent: "text null",
    created_at: "timestamptz",
    position: "bigint",
    revision: "bigint",
  },
  ["id"],
);

/** TEN-15: for whoever runs the platform, as they concern more than one organization. */
const crossTenantDenialsTable = table(
  "cross_tenant_denials",
  {
    id: "uuid",
    organization_id: "uuid",
    actor_kind: "text",
    actor_id: "text null",
    operation: "text",
    target_organization_id: "uuid null",
    target_workspace_id: "uuid null",
    attempts: "bigint",
    first_at: "timestamptz",
    last_at: "timestamptz",
  },
  ["id"],
);

type Data = Readonly<Record<string, unknown>>;

const recordOf = (type: string, def: EventDef): Effect<Data> => {
  const action = auditActionOf(type);
  const withoutSecrets = redaction(def);
  return (data, { id, revision, position, metadata, stored }) => {
    const [resourceType = "", ...rest] = stored.stream.split("-");
    const resourceId = rest.join("-");
    const { actor, occurredAt, sessionId, $correlationId } = metadata;
    return insert(auditLogTable, {
      id,
      organization_id: textIn(data, "organizationId") ?? metadata.orgId ?? systemOrganizationId,
      workspace_id: textIn(data, "workspaceId") ?? metadata.workspaceId,
      ...{ actor_kind: actor.kind, actor_id: actor.id, session_id: sessionId, request_id: $correlationId },
      ...{ action, resource_type: resourceType, resource_id: resourceId, part: partOf(data, resourceId) },
      ...{ event_type: type, changes: JSON.stringify(withoutSecrets(data)) },
      ip_address: sealed(stored.metadata.ip),
      user_agent: sealed(stored.metadata.userAgent),
      ...{ created_at: occurredAt, position, revision },
    });
  };
};

const textIn = (data: Data, field: string): string | null => {
  const value = data[field];
  return typeof value === "string" ? value : null;
};

/** Never in clear: whose key is destroyed is forgotten here as well. */
const sealed = (value: string | null): string | null => (isCiphertext(value) ? value : null);

const inAll: ReadonlySet<string> = new Set(["organizationId", "workspaceId"]);
/** Which part of the resource is concerned, a member of it or a budget: values before are values of the same part. */
const partOf = (data: Data, resourceId: string): string =>
  Object.entries(data)
    .filter(([field, value]) => field.endsWith("Id") && !inAll.has(field) && value !== resourceId && value !== null)
    .map(([field, value]) => `${field}=${value}`)
    .sort()
    .join();

/** What has a line in credit_transactions, at once or later: a ledger's debits must not cost another row. */
const moves: ReadonlySet<string> = new Set<keyof LedgerEvents>([
  "CreditsActivated",
  "CreditsExpired",
  "CreditsDebited",
  "CreditsDeducted",
  "CreditsRefunded",
  "HoldCaptured",
  "TransferSent",
  "TransferReceived",
  "TransferReturned",
]);
/** The same unless they wait for their time: their line is that of their activation. */
const grants: ReadonlySet<string> = new Set<keyof LedgerEvents>([
  "CreditsPurchased",
  "CreditsGranted",
  "CreditsAdjusted",
  "CreditsRecharged",
]);

const effectOf = (type: string, def: EventDef): Effect<Data> => {
  if (moves.has(type)) return ignore;
  const record = recordOf(type, def);
  if (!grants.has(type)) return record;
  return (data, occurrence) => (data["effectiveAt"] === null ? [] : record(data, occurrence));
};

const everything: readonly EventSource[] = aggregates;

type Denied = z.output<typeof accessLog.events.AccessDenied.schema>;
const denied = recordOf("AccessDenied", accessLog.events.AccessDenied);

/** What a caller may not see because it is another organization's, or because it is nobody's: they cannot tell. */
const acrossTenants: Effect<Denied> = (data, { id, metadata: { actor } }) =>
  data.reason === "other_organization"
    ? insert(crossTenantDenialsTable, {
        ...{ id, organization_id: data.organizationId ?? systemOrganizationId },
        ...{ actor_kind: actor.kind, actor_id: actor.id, operation: data.operation },
        target_organization_id: data.targetOrganizationId,
        target_workspace_id: data.targetWorkspaceId,
        ...{ attempts: data.attempts, first_at: data.firstAt, last_at: data.lastAt },
      })
    : [];

/**
 * AUD-01: a record of every event there is, but for the movements of credits, which have lines of their own. What an
 * event is about follows from its stream and its data, so that nothing has to be done for a new one.
 */
export const auditLog: Projection = {
  name: "audit_log",
  version: 1,
  tables: [auditLogTable, crossTenantDenialsTable],
  of: everything,
  when: {
    ...Object.fromEntries(
      everything.flatMap(({ events }) => Object.entries(events).map(([type, def]) => [type, effectOf(type, def)])),
    ),
    AccessDenied: each(denied, acrossTenants),
  },
};
