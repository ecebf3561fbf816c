import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LedgerEvent } from "../../src/domain/credits/unfolding.ts";
import { openPool, type Pool, query, type Role } from "../../src/platform/postgres.ts";
import { identifier, type Sql, sql } from "../../src/platform/sql.ts";
import type { TenantContext } from "../../src/platform/tenantContext.ts";
import { billing } from "../../src/projections/billing.ts";
import { foldChanges } from "../../src/projections/rowChanges.ts";
import { statementsOf } from "../../src/projections/rowStatements.ts";
import { changesInClear, recorded } from "../spec.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { readAs } from "../support/tenant.ts";
import { ledgerReadModels, readModels } from "./readModelTables.ts";

let database: TestDatabase;
let api: Pool;
let projector: Pool;

const open = (role: Role): Pool =>
  openPool({
    url: database.url,
    role,
    max: 2,
    idleTimeoutMs: 5_000,
    statementTimeoutMs: 5_000,
    onError: () => undefined,
  });

beforeAll(async () => {
  database = await testDatabase();
  api = open("everfold_api");
  projector = open("everfold_projector");
});
afterAll(async () => {
  await Promise.all([api.end(), projector.end()]);
  await database.drop();
});

/** Two organizations with a workspace and a member each; the guest is in the second workspace alone. */
const world = {
  red: { organization: randomUUID(), workspace: randomUUID(), user: randomUUID() },
  blue: { organization: randomUUID(), workspace: randomUUID(), user: randomUUID() },
  guest: randomUUID(),
};

const belongings = ({ organization, workspace, user }: (typeof world)["red"]): Sql[] => [
  sql`insert into read_model.users values (${user}, 'e', 'n', null, 0, 'user', now(), now())`,
  sql`insert into read_model.organizations
    values (${organization}, 'n', ${organization}, 'ACTIVE', true, 'free', 5, 100, 100, 10, 1000,
      null, null, null, '[]', ${user}, now(), now(), null, 0)`,
  sql`insert into read_model.organization_memberships
    values (${organization}, ${user}, 'owner', 'active', now(), now())`,
  sql`insert into read_model.workspaces
    values (${workspace}, ${organization}, 'n', ${workspace}, 'ACTIVE',
      null, null, null, ${user}, 'free', now(), now(), null, 0)`,
  sql`insert into read_model.workspace_memberships
    values (${organization}, ${workspace}, ${user}, 'owner', now(), now())`,
  sql`insert into read_model.refresh_tokens values (${user}, ${user}, ${user}, 0, ${user}, now(), null, now())`,
  sql`insert into read_model.api_credentials
    values (${workspace}, ${organization}, ${workspace}, 'p', 'n', '••••', ${user}, now(), now(), null, null)`,
  ...changesOfLedger(workspace, organization),
  sql`insert into read_model.ledger_seals values (${workspace}, 0, ${organization}, 'c', 'k', 's', now(), 0)`,
];

/** A row in each read model of a ledger. */
const changesOfLedger = (workspaceId: string, organizationId: string): Sql[] => {
  const inLedger = { workspaceId, organizationId, after: { posted: 0, held: 0, available: 0 } };
  const about = { ...inLedger, amount: 5, description: "d", referenceId: null };
  const part = { lot: 1, amount: 5, kind: "purchased" as const, priority: 50, expiresAt: null };
  const budgetId = randomUUID();
  const now = new Date().toISOString();
  const spent = { ...about, parts: [part], charges: [{ budgetId, periodStart: now }], category: null };
  const lot = { lot: 1, priority: 50, effectiveAt: null, expiresAt: null, settled: 0 };
  const recharge = { rechargeId: randomUUID(), amount: 5, available: 0, requestedAt: now, periodStart: now };
  const terms = { scope: { kind: "workspace" as const }, limit: 5, period: "day" as const, alertsAt: [] };
  const events: LedgerEvent[] = [
    { type: "LedgerOpened", data: { ...inLedger, planType: "free", creditLimit: 0, openedAt: now } },
    { type: "CreditsPurchased", data: { ...about, ...lot } },
    { type: "CreditsDebited", data: spent },
    { type: "HoldPlaced", data: { ...spent, parts: [], holdId: randomUUID(), expiresAt: now } },
    { type: "BudgetSet", data: { ...inLedger, budgetId, ...terms } },
    { type: "RechargeRequested", data: { ...inLedger, ...recharge } },
    { type: "LowBalanceReached", data: { ...inLedger, threshold: 5, available: 0 } },
  ];
  const changes = events.flatMap((event, revision) => changesInClear(billing, recorded(event, revision)));
  return statementsOf(foldChanges(changes), "read_model");
};

describe("what a tenant sees", () => {
  const { red, blue, guest } = world;

  beforeAll(async () => {
    for (const statement of [...belongings(red), ...belongings(blue)]) await query(projector, statement);
    await query(
      projector,
      sql`insert into read_model.users values (${guest}, 'e', 'n', null, 0, 'user', now(), now())`,
    );
    await query(
      projector,
      sql`insert into read_model.workspace_memberships
        values (${blue.organization}, ${blue.workspace}, ${guest}, 'viewer', now(), null)`,
    );
  });

  const seenBy = (tenant: TenantContext, table: string): Promise<string[]> =>
    readAs(api, tenant, async (tx) => {
      const columns = await query<{ id: string }>(
        tx,
        table.endsWith("memberships")
          ? sql`select user_id as id from ${identifier("read_model", table)} order by id`
          : sql`select distinct ${identifier(ledgerReadModels.includes(table) ? "workspace_id" : "id")} as id
              from ${identifier("read_model", table)} order by id`,
      );
      return columns.map(({ id }) => id);
    });
  const sorted = (...ids: string[]) => ids.toSorted();

  test.each(readModels)("nobody sees nothing of %s", async (table) => {
    expect(await seenBy({}, table)).toEqual([]);
  });

  test("a user sees themself, their organizations, workspaces, memberships and tokens", async () => {
    const tenant = { userId: red.user };
    expect(await seenBy(tenant, "users")).toEqual([red.user]);
    expect(await seenBy(tenant, "organizations")).toEqual([red.organization]);
    expect(await seenBy(tenant, "organization_memberships")).toEqual([red.user]);
    expect(await seenBy(tenant, "workspaces")).toEqual([red.workspace]);
    expect(await seenBy(tenant, "workspace_memberships")).toEqual([red.user]);
    expect(await seenBy(tenant, "refresh_tokens")).toEqual([red.user]);
  });

  test("a guest sees the workspace, and of its members only themself until they are in it", async () => {
    expect(await seenBy({ userId: guest }, "workspaces")).toEqual([blue.workspace]);
    expect(await seenBy({ userId: guest }, "organizations")).toEqual([]);
    expect(await seenBy({ userId: guest }, "workspace_memberships")).toEqual([guest]);
  });

  test("within an organization one sees it, its members and its workspaces", async () => {
    const tenant = { organizationId: blue.organization };
    expect(await seenBy(tenant, "organizations")).toEqual([blue.organization]);
    expect(await seenBy(tenant, "organization_memberships")).toEqual([blue.user]);
    expect(await seenBy(tenant, "users")).toEqual([blue.user]);
    expect(await seenBy(tenant, "workspaces")).toEqual([blue.workspace]);
  });

  test("within a workspace one sees it and its members, also those from elsewhere", async () => {
    const tenant = { organizationId: blue.organization, workspaceId: blue.workspace };
    expect(await seenBy(tenant, "workspaces")).toEqual([blue.workspace]);
    expect(await seenBy(tenant, "workspace_memberships")).toEqual(sorted(blue.user, guest));
    expect(await seenBy(tenant, "users")).toEqual(sorted(blue.user, guest));
  });

  test("TEN-11: a workspace is seen in its own organization's context alone, and so is who is in it", async () => {
    for (const organizationId of [red.organization, undefined]) {
      const tenant = { organizationId, workspaceId: blue.workspace };
      const own = organizationId === undefined ? [] : [red.workspace];
      expect(await seenBy(tenant, "workspaces")).toEqual(own);
      expect(await seenBy(tenant, "workspace_memberships")).toEqual([]);
      expect(await seenBy(tenant, "users")).toEqual(organizationId === undefined ? [] : [red.user]);
    }
  });

  test.each([...ledgerReadModels, "api_credentials"])(
    "%s shows itself only to the workspace in its own organization",
    async (table) => {
      const { organization: organizationId, workspace: workspaceId, user: userId } = red;
      expect(await seenBy({ organizationId, workspaceId }, table)).toEqual([workspaceId]);
      // ORG-08, AUD-05: an organization sums up what its workspaces have, and audits what moved there.
      const inOrganization = ["billing", "credit_transactions"].includes(table) ? [workspaceId] : [];
      expect(await seenBy({ organizationId, userId }, table)).toEqual(inOrganization);
      expect(await seenBy({ workspaceId, userId }, table)).toEqual([]);
      expect(await seenBy({ organizationId: blue.organization, workspaceId }, table)).toEqual([]);
    },
  );
});

test("BILL-07: no balance is below what the credit limit allows", async () => {
  const { red } = world;
  for (const [balance, limit] of [
    [-1, 0],
    [-11, 10],
  ] as const) {
    const overdrawn = sql`update read_model.billing set credit_balance = ${balance}, credit_limit = ${limit}
      where workspace_id = ${red.workspace}`;
    await expect(query(projector, overdrawn)).rejects.toMatchObject({ code: "23514" });
  }
});

test("BILL-08: the API can neither change nor remove a transaction", async () => {
  for (const statement of [
    sql`update read_model.credit_transactions set change = 0`,
    sql`delete from read_model.credit_transactions`,
    sql`truncate read_model.credit_transactions`,
    sql`insert into read_model.credit_transactions select * from read_model.credit_transactions`,
  ])
    await expect(query(api, statement)).rejects.toMatchObject({ code: "42501" });
});

test("BILL-09: a transaction is of one of the kinds there are", async () => {
  const gift = sql`update read_model.credit_transactions set transaction_type = ${"gift"}`;
  await expect(query(projector, gift)).rejects.toMatchObject({ code: "23514" });
});

test("nobody can delete a key of the vault", async () => {
  for (const pool of [api, projector])
    await expect(query(pool, sql`delete from vault.subject_keys`)).rejects.toMatchObject({ code: "42501" });
});

test("ES-05: the projector can fill a read model anew beside the live one, where the API does not look", async () => {
  await query(projector, sql`create table rebuild.users (like read_model.users including all)`);
  await expect(query(api, sql`select * from rebuild.users`)).rejects.toMatchObject({ code: "42501" });
  await query(projector, sql`drop table rebuild.users`);
});
