import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { aggregates } from "../../../src/domain/aggregates.ts";
import { accessLog } from "../../../src/domain/audit/accessLog.ts";
import { organization } from "../../../src/domain/tenancy/organization.ts";
import { type EventDef, type EventDefs, versionOf } from "../../../src/kernel/decider.ts";
import { personalFields } from "../../../src/kernel/personal.ts";
import { AuditAction, auditActionOf } from "../../../src/projections/audit/auditAction.ts";
import { auditLog, systemOrganizationId } from "../../../src/projections/audit/auditLog.ts";
import { billing } from "../../../src/projections/billing.ts";
import { changesInClear, facts, id, recorded } from "../../spec.ts";

type Source = { category: string; events: EventDefs };
const mutations = aggregates.flatMap(({ category, events }: Source) =>
  Object.entries(events).map(([type, def]) => ({ category, type, def })),
);

/** An event as one of its type was once written. */
const golden = (type: string, def: EventDef): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`../../golden/${type}.v${versionOf(def)}.json`, import.meta.url), "utf8"));

const rowsIn = (table: string, changes: ReturnType<typeof changesInClear>) =>
  changes.flatMap((change) => (change.kind === "insert" && change.table.name === table ? [change.row] : []));

/** What is recorded of one event in a stream of its category. */
const recordsOf = (category: string, type: string, data: Record<string, unknown>, told = facts) =>
  rowsIn("audit_log", changesInClear(auditLog, recorded({ type, data }, 7, told), `${category}-${id("resource")}`));

describe("AUD-01: every event of every aggregate", () => {
  test.each(mutations)("$category: $type is a record, or a line of a ledger", ({ category, type, def }) => {
    const data = golden(type, def);
    const records = recordsOf(category, type, data);
    const lines =
      category === "credit_ledger"
        ? rowsIn("credit_transactions", changesInClear(billing, recorded({ type, data }, 7)))
        : [];
    expect(records.length + lines.length).toBe(1);
    for (const record of records)
      expect(record).toMatchObject({
        ...{ action: auditActionOf(type), resource_type: category, resource_id: id("resource"), event_type: type },
        ...{ actor_kind: "user", actor_id: id("ada"), request_id: id("request"), created_at: facts.now },
        organization_id: data["organizationId"] ?? id("acme"),
      });
  });

  test.each(mutations)("$category: nothing personal of $type is in its record", ({ category, type, def }) => {
    const planted = "planted";
    const secrets = [...personalFields(def.schema).keys()];
    const data = { ...golden(type, def), ...Object.fromEntries(secrets.map((field) => [field, planted])) };
    for (const record of recordsOf(category, type, data)) {
      expect(Object.values(record).join()).not.toContain(planted);
      const changes = JSON.parse(String(record["changes"]));
      expect(secrets.map((field) => changes[field])).toEqual(secrets.map(() => "[redacted]"));
    }
  });

  test("hashes of tokens are no personal data, and secrets all the same", () => {
    const started = mutations.find(({ type }) => type === "RefreshTokenRotated");
    const [record] = started ? recordsOf("session", started.type, golden(started.type, started.def)) : [];
    expect(JSON.parse(String(record?.["changes"]))).toMatchObject({
      replacedHash: "[redacted]",
      refreshTokenHash: "[redacted]",
    });
  });

  test("its name says what was done", () => {
    const actions = new Map(mutations.map(({ type }) => [type, auditActionOf(type)]));
    expect(new Set(actions.values())).toEqual(new Set(AuditAction.options));
    expect(Object.fromEntries(actions)).toMatchObject({
      ...{ OrganizationCreated: "CREATE", OrganizationRenamed: "UPDATE", OrganizationDeleted: "DELETE" },
      ...{ SessionStarted: "LOGIN", SessionEnded: "LOGOUT", SignInFailed: "LOGIN_FAILED", AccessDenied: "DENIED" },
      ...{ CredentialStored: "CREATE", CredentialUsed: "READ", CredentialDeleted: "DELETE", BudgetSet: "UPDATE" },
    });
  });
});

describe("a ledger's movements", () => {
  test("cost no record: not even the event is looked into", () => {
    const when = auditLog.when["CreditsDebited"];
    expect(when).toBe(auditLog.when["HoldCaptured"]);
    expect(recordsOf("credit_ledger", "CreditsDebited", {})).toEqual([]);
  });

  test("are recorded where their line has yet to come", () => {
    const granted = mutations.find(({ type }) => type === "CreditsPurchased");
    const data = granted ? golden(granted.type, granted.def) : {};
    expect(recordsOf("credit_ledger", "CreditsPurchased", { ...data, effectiveAt: null })).toEqual([]);
    expect(recordsOf("credit_ledger", "CreditsPurchased", { ...data, effectiveAt: facts.now })).toHaveLength(1);
  });
});

test("AUD-02: what is done outside of any organization is the system's", () => {
  const claimed = { claimId: id("claim"), userId: id("ada") };
  expect(recordsOf("email_claim", "EmailClaimed", claimed, { ...facts, organizationId: null })).toMatchObject([
    { organization_id: systemOrganizationId, workspace_id: null },
  ]);
});

test("a member's role before is the same member's", () => {
  const role = (person: string) => ({ organizationId: id("acme"), userId: id(person), role: "admin" });
  const parts = ["ada", "bob"].map(
    (person) => recordsOf(organization.category, "OrganizationMemberRoleChanged", role(person))[0]?.["part"],
  );
  expect(parts).toEqual([`userId=${id("ada")}`, `userId=${id("bob")}`]);
});

test("an address is kept as the ciphertext that its event has, and in clear never", () => {
  const { type, def } = mutations.find((each) => each.type === "OrganizationRenamed") ?? { type: "", def: undefined };
  const event = recorded({ type, data: def ? golden(type, def) : {} }, 0);
  const stored = { stream: `organization-${id("acme")}`, data: event.data };
  const inClear = { ...event.metadata, ip: "203.0.113.7", userAgent: "curl" };
  const rows = rowsIn("audit_log", changesInClear(auditLog, { ...event, metadata: inClear }, stored.stream));
  expect(rows).toMatchObject([{ ip_address: null, user_agent: null }]);
});

test("TEN-15: a denial across tenants is in the report as well, others are not", () => {
  const { events, category } = accessLog;
  const data = golden("AccessDenied", events.AccessDenied);
  const reported = (reason: string) =>
    rowsIn(
      "cross_tenant_denials",
      changesInClear(auditLog, recorded({ type: "AccessDenied", data: { ...data, reason } }, 0), `${category}-x`),
    );
  expect(reported("role_too_low")).toEqual([]);
  expect(reported("other_organization")).toMatchObject([
    { organization_id: data["organizationId"], actor_id: id("ada"), operation: data["operation"], attempts: 3 },
  ]);
});
