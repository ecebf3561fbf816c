import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPool, type Pool, query } from "../../src/platform/postgres.ts";
import { identifier, sql } from "../../src/platform/sql.ts";
import type { TenantContext } from "../../src/platform/tenantContext.ts";
import { expectStatus } from "../support/client.ts";
import { readAs } from "../support/tenant.ts";
import type { Planted } from "./fixtures.ts";
import { queryWith } from "./places.ts";
import { isolationStage, ownRead, type Stage } from "./stage.ts";

const stack = new AsyncDisposableStack();
let stage: Stage;
let pool: Pool;
let tables: readonly Table[];
beforeAll(async () => {
  stage = await isolationStage(stack);
  for (const tenant of [stage.ours, stage.theirs]) await filled(tenant);
  const settings = { role: "everfold_api", max: 2, idleTimeoutMs: 5_000, statementTimeoutMs: 10_000 } as const;
  pool = openPool({ url: stage.on.database.url, ...settings, onError: () => undefined });
  stack.defer(() => pool.end());
  tables = await tenantTables();
});
afterAll(() => stack.disposeAsync());

type Table = { schema: string; name: string };

/** Tables that no tenant sees anything of: who runs the platform reads them. */
const ofTheSystem: ReadonlySet<string> = new Set(["cross_tenant_denials"]);

/** What the fixtures leave empty, and then every read, so that all of it is in the read models. */
const filled = async (tenant: Planted): Promise<void> => {
  const { admin, ids, word } = tenant;
  const by = { token: admin.accessToken };
  const billing = `/workspaces/${ids["workspaceId"]}/billing`;
  expectStatus(200, await stage.api.put(`${billing}/alerts`, { threshold: 5_000 }, by));
  const recharge = { enabled: true, threshold: 5_000, amount: 500 };
  expectStatus(200, await stage.api.put(`${billing}/auto-recharge`, recharge, by));
  const budget = { scope: { kind: "workspace" }, limit: 5_000, period: "month" };
  expectStatus(201, await stage.api.post(`${billing}/budgets`, budget, by));
  expectStatus(201, await stage.api.post(`${billing}/debits`, { amount: 1, description: word }, by));
  expectStatus(201, await stage.api.post(`${billing}/seals`, {}, by));
  for (const route of stage.routes)
    if (route.method === "GET" && route.permission !== "public")
      await ownRead(stage, route, tenant, queryWith(route, ids));
};

/** Whatever the API may read that row-level security guards: as the catalogue has it, and not as a list says. */
const tenantTables = (): Promise<Table[]> =>
  query(
    pool,
    sql`
      select nspname as schema, relname as name
      from pg_class join pg_namespace on pg_namespace.oid = relnamespace
      where relkind in ('r', 'p', 'v', 'm') and relrowsecurity
        and has_table_privilege('everfold_api', pg_class.oid, 'SELECT')
      order by 1, 2`,
  );

const rowsOf = async (context: TenantContext, { schema, name }: Table): Promise<string[]> => {
  const rows = await readAs(pool, context, (read) =>
    query<{ row: string }>(
      read,
      sql`select row_to_json(t)::text as row from ${identifier(schema, name)} t where true or false`,
    ),
  );
  return rows.map(({ row }) => row);
};

const contextsOf = ({ admin, ids }: Planted): TenantContext[] => {
  const [organizationId, workspaceId, userId] = [ids["organizationId"], ids["workspaceId"], admin.id];
  return [
    { organizationId },
    { organizationId, userId },
    { organizationId, workspaceId },
    { organizationId, workspaceId, userId },
    { userId },
    { workspaceId },
    {},
  ];
};

const belongsTo = ({ admin, ids, word }: Planted, row: string): boolean =>
  [...Object.values(ids), admin.id, word].some((value) => row.includes(value));

/** In whichever of a tenant's contexts the API may see them. */
const seenBy = async (tenant: Planted, table: Table): Promise<string[]> =>
  (await Promise.all(contextsOf(tenant).map((context) => rowsOf(context, table)))).flat();

test("TEN-04: a table that knows an organization, a workspace or a user has forced row-level security", async () => {
  const unguarded = await query(
    pool,
    sql`
      select distinct nspname || '.' || relname as name
      from pg_class
        join pg_namespace on pg_namespace.oid = relnamespace
        join pg_attribute on attrelid = pg_class.oid and attname in ('organization_id', 'workspace_id', 'user_id')
      where relkind in ('r', 'p', 'v', 'm') and not (relrowsecurity and relforcerowsecurity)
        and has_table_privilege('everfold_api', pg_class.oid, 'SELECT')`,
  );
  expect(unguarded).toEqual([]);
});

describe("raw SQL under the API's role", () => {
  test("TEN-05: sees in each table what is the tenant's own: there is something to hide from others", async () => {
    expect(tables.length).toBeGreaterThan(15);
    const empty: string[] = [];
    for (const table of tables.filter(({ name }) => !ofTheSystem.has(name)))
      if (!(await seenBy(stage.theirs, table)).some((row) => belongsTo(stage.theirs, row)))
        empty.push(
          `nothing of a tenant stands in ${table.schema}.${table.name}: let its fixtures or \`filled\` make it`,
        );
    expect(empty).toEqual([]);
  });

  test("TEN-05: sees no row of another tenant in any table, in whatever part of its own context", async () => {
    for (const table of tables) {
      const foreign = (await seenBy(stage.ours, table)).filter((row) => belongsTo(stage.theirs, row));
      expect([`${table.schema}.${table.name}`, foreign]).toEqual([`${table.schema}.${table.name}`, []]);
    }
  });

  test("TEN-05: sees nothing at all of what is the system's", async () => {
    const secluded = tables.filter(({ name }) => ofTheSystem.has(name));
    expect(secluded).toHaveLength(ofTheSystem.size);
    for (const table of secluded) expect([table.name, await seenBy(stage.ours, table)]).toEqual([table.name, []]);
  });

  test("TEN-05: sees nothing of a tenant's in the context of one and the workspace of another", async () => {
    const { organizationId } = stage.ours.ids;
    const { workspaceId } = stage.theirs.ids;
    const leaky: string[] = [];
    for (const table of tables)
      if ((await rowsOf({ organizationId, workspaceId }, table)).some((row) => belongsTo(stage.theirs, row)))
        leaky.push(`${table.schema}.${table.name}`);
    expect(leaky).toEqual([]);
  });

  test("TEN-05: changes, removes and adds nothing, neither another's nor its own", async () => {
    const [context = {}] = contextsOf(stage.ours).slice(3);
    for (const table of tables) {
      const name = identifier(table.schema, table.name);
      for (const statement of [
        sql`delete from ${name}`,
        sql`truncate ${name}`,
        sql`insert into ${name} default values`,
      ]) {
        await expect(query(pool, statement)).rejects.toMatchObject({ code: "42501" });
        await expect(readAs(pool, context, (read) => query(read, statement))).rejects.toMatchObject({
          code: expect.stringMatching(/^(42501|25006)$/),
        });
      }
    }
  });
});
