import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openPool, type Pool, query, type Transaction } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { billing } from "../../src/projections/billing.ts";
import { credentialsOf } from "../../src/projections/credentials.ts";
import { transactionsOf } from "../../src/projections/ledger/transactionsOf.ts";
import type { Page, Paged } from "../../src/projections/page.ts";
import { foldChanges } from "../../src/projections/rowChanges.ts";
import { statementsOf } from "../../src/projections/rowStatements.ts";
import { membersOf, workspacesOf } from "../../src/projections/workspaces.ts";
import { changesInClear, recorded } from "../spec.ts";
import { testDatabase } from "../support/database.ts";
import { readAs } from "../support/tenant.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

const [organizationId, workspaceId, userId, id] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
const inLedger = { workspaceId, organizationId };
const lot = { lot: 1, priority: 50, effectiveAt: null, expiresAt: null, settled: 0, referenceId: null };
const none = { posted: 0, held: 0, available: 0 };
const five = { posted: 5, held: 0, available: 5 };
const now = new Date().toISOString();
const opened = { ...inLedger, planType: "free", creditLimit: 0, openedAt: now, after: none };
const ledger = [
  recorded({ type: "LedgerOpened", data: opened }, 0),
  recorded({ type: "CreditsPurchased", data: { ...inLedger, amount: 5, description: "d", ...lot, after: five } }, 1),
];
const rows = [
  sql`insert into read_model.workspaces
    values (${workspaceId}, ${organizationId}, 'n', 's', 'ACTIVE',
      null, null, null, ${userId}, 'free', now(), now(), null, 0)`,
  sql`insert into read_model.workspace_memberships
    values (${organizationId}, ${workspaceId}, ${userId}, 'owner', now(), now())`,
  sql`insert into read_model.api_credentials
    values (${id}, ${organizationId}, ${workspaceId}, 'p', 'n', '****', ${userId}, now(), now(), null, null)`,
  ...statementsOf(foldChanges(ledger.flatMap((event) => changesInClear(billing, event))), "read_model"),
];

let pool: Pool;
beforeAll(async () => {
  const { url, drop } = await testDatabase();
  stack.defer(drop);
  const open = (role: "everfold_projector" | "everfold_api") => {
    const opened = openPool({
      url,
      role,
      max: 1,
      idleTimeoutMs: 1_000,
      statementTimeoutMs: 5_000,
      onError: () => undefined,
    });
    stack.defer(() => opened.end());
    return opened;
  };
  for (const row of rows) await query(open("everfold_projector"), row);
  pool = open("everfold_api");
});

/** What a list gives, and how many statements it took. */
const listed = (list: (read: Transaction, page: Page) => Promise<Paged<unknown>>, offset: number) =>
  readAs(pool, { organizationId, workspaceId, userId }, async (read) => {
    const sent = vi.spyOn(read, "query");
    const { rows: found, total } = await list(read, { limit: 100, offset });
    const statements = sent.mock.calls.length;
    sent.mockRestore();
    return { found: found.length, total, statements };
  });

test.each([
  [
    "workspaces",
    (read: Transaction, page: Page) => workspacesOf(read, { userId, organizationId, seesAll: false }, page),
  ],
  ["members", (read: Transaction, page: Page) => membersOf(read, workspaceId, page)],
  ["credentials", (read: Transaction, page: Page) => credentialsOf(read, workspaceId, page)],
  ["transactions", (read: Transaction, page: Page) => transactionsOf(read, workspaceId, page)],
])("FND-16: a page far beyond the last of the %s is empty, and no row is skipped to find that out", async (_, list) => {
  expect(await listed(list, 0)).toEqual({ found: 1, total: 1, statements: 2 });
  expect(await listed(list, 99_999_900)).toEqual({ found: 0, total: 1, statements: 1 });
});
