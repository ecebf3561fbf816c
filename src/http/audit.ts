import { z } from "zod";
import type { Transaction } from "../platform/postgres.ts";
import { AuditAction } from "../projections/audit/auditAction.ts";
import { AuditCursor, AuditFilter } from "../projections/audit/auditCursor.ts";
import { auditLog, systemOrganizationId } from "../projections/audit/auditLog.ts";
import { allAuditRecords, auditPage } from "../projections/audit/auditPages.ts";
import { crossTenantDenials } from "../projections/audit/auditReads.ts";
import type { App } from "./binder.ts";
import { type CsvColumns, csv } from "./csv.ts";
import { exampleIds, exampleTime } from "./examples.ts";
import { refuseBesideCursor } from "./page.ts";

type Read = <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>;
type AuditReading = {
  codec: Parameters<typeof auditPage>[1];
  /** Of the tenant who asks. */
  read: Read;
  /** Of what is no tenant's. */
  readAsSystem: Read;
};

const Values = z.record(z.string(), z.unknown());
const AuditRecord = z.object({
  id: z.uuid(),
  organizationId: z.uuid().nullable(),
  workspaceId: z.uuid().nullable(),
  actor: z.object({ kind: z.enum(["user", "api_key", "system", "anonymous"]), id: z.string().nullable() }),
  sessionId: z.uuid().nullable(),
  requestId: z.string().nullable(),
  action: AuditAction,
  resourceType: z.string(),
  resourceId: z.uuid(),
  event: z.string(),
  changes: z
    .object({ before: Values, after: Values })
    .describe("What the event tells, personal data and secrets left out; before it as far as it was told"),
  ipAddress: z.string().nullable(),
  userAgent: z.string().nullable(),
  createdAt: z.iso.datetime(),
});
type AuditRecord = z.output<typeof AuditRecord>;

const AuditPage = z.object({
  records: z.array(AuditRecord),
  nextCursor: z.string().nullable().describe("Send it as `cursor`, with `limit` alone; null on the last page"),
});

const CrossTenantDenial = z.object({
  id: z.uuid(),
  organizationId: z.uuid().describe("The caller's"),
  actor: AuditRecord.shape.actor,
  operation: z.string(),
  targetOrganizationId: z.uuid().nullable(),
  targetWorkspaceId: z.uuid().nullable(),
  attempts: z.int(),
  firstAt: z.iso.datetime(),
  lastAt: z.iso.datetime(),
});

const recordsUnlessTold = 50;
const recordsMax = 200;
const pageQuery = {
  ...AuditFilter.shape,
  cursor: AuditCursor.optional(),
  limit: z.coerce.number().int().min(1).max(recordsMax).default(recordsUnlessTold),
};

const place = { organizationId: exampleIds.organization };
const actor = { kind: "user", id: exampleIds.user } as const;
const record: AuditRecord = {
  id: exampleIds.transaction,
  ...{ ...place, workspaceId: null, actor, sessionId: exampleIds.member, requestId: exampleIds.hold },
  ...{ action: "UPDATE", resourceType: "organization", resourceId: exampleIds.organization },
  event: "OrganizationRenamed",
  changes: { before: { name: "Acme" }, after: { name: "Acme Labs" } },
  ...{ ipAddress: "203.0.113.7", userAgent: "Mozilla/5.0", createdAt: exampleTime },
};
const denial = {
  ...{ id: exampleIds.refund, ...place, actor, operation: "GetWorkspace", targetOrganizationId: null },
  ...{ targetWorkspaceId: exampleIds.otherWorkspace, attempts: 12, firstAt: exampleTime, lastAt: exampleTime },
};

const columns: CsvColumns<AuditRecord> = {
  createdAt: ({ createdAt }) => createdAt,
  id: ({ id }) => id,
  organizationId: ({ organizationId }) => organizationId,
  workspaceId: ({ workspaceId }) => workspaceId,
  actorKind: (each) => each.actor.kind,
  actorId: (each) => each.actor.id,
  sessionId: ({ sessionId }) => sessionId,
  requestId: ({ requestId }) => requestId,
  action: ({ action }) => action,
  resourceType: ({ resourceType }) => resourceType,
  resourceId: ({ resourceId }) => resourceId,
  event: ({ event }) => event,
  before: ({ changes }) => JSON.stringify(changes.before),
  after: ({ changes }) => JSON.stringify(changes.after),
  ipAddress: ({ ipAddress }) => ipAddress,
  userAgent: ({ userAgent }) => userAgent,
};

/** AUD-05: what was done in an organization, by whom, from where. */
export const auditRoutes = (app: App, reading: AuditReading): void => {
  const { codec, read } = reading;
  const described = { permission: "audit:read", from: [auditLog], output: AuditRecord } as const;
  const example = { params: place, data: record };
  app.query("/organizations/:organizationId/audit-logs", {
    ...described,
    name: "ListAuditLogs",
    output: AuditPage,
    query: pageQuery,
    example: { params: place, query: { action: "UPDATE" }, data: { records: [record], nextCursor: null } },
    load: async (transaction, { params, query }) => {
      refuseBesideCursor(query);
      return auditPage(transaction, codec, params.organizationId, query);
    },
  });
  app.stream("/organizations/:organizationId/audit-logs.ndjson", {
    ...described,
    name: "ExportAuditLogs",
    query: AuditFilter.shape,
    example,
    lines: ({ params, query }) => allAuditRecords(read, codec, params.organizationId, query),
  });
  app.stream("/organizations/:organizationId/audit-logs.csv", {
    ...described,
    name: "ExportAuditLogsAsCsv",
    query: AuditFilter.shape,
    format: csv(columns),
    example,
    lines: ({ params, query }) => allAuditRecords(read, codec, params.organizationId, query),
  });
  systemRoutes(app, reading);
};

/** What is no organization's, or more than one's: for whoever runs the platform. */
const systemRoutes = (app: App, { codec, readAsSystem }: AuditReading): void => {
  app.query("/audit-logs", {
    name: "ListSystemAuditLogs",
    permission: "platform:admin",
    from: [auditLog],
    output: AuditPage,
    query: pageQuery,
    example: { data: { records: [{ ...record, organizationId: null }], nextCursor: null } },
    load: (_, { query }) => {
      refuseBesideCursor(query);
      return readAsSystem((transaction) => auditPage(transaction, codec, systemOrganizationId, query));
    },
  });
  app.list("/cross-tenant-denials", {
    name: "ListCrossTenantDenials",
    permission: "platform:admin",
    from: [auditLog],
    output: CrossTenantDenial,
    example: { data: denial },
    load: (_, { query }) => readAsSystem((transaction) => crossTenantDenials(transaction, query)),
  });
};
