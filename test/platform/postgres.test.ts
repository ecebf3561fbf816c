import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import {
  DatabaseUnavailable,
  openPool,
  type Pool,
  query,
  type Role,
  transaction,
} from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { readAs } from "../support/tenant.ts";

let database: TestDatabase;
let api: Pool;
let projector: Pool;

const open = (role: Role, options: { max?: number; idleTimeoutMs?: number; statementTimeoutMs?: number } = {}): Pool =>
  openPool({
    url: database.url,
    role,
    max: 5,
    idleTimeoutMs: 10_000,
    statementTimeoutMs: 5_000,
    onError: () => undefined,
    ...options,
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

const context = sql`
  select current_setting('app.org', true) as org, current_setting('app.workspace', true) as workspace,
    current_setting('app.user', true) as user`;

const openBilling = (workspaceId: string, organizationId: string) =>
  query(
    projector,
    sql`
      insert into read_model.billing
        (workspace_id, organization_id, plan_type, credit_balance, credit_limit, billing_cycle_start, billing_cycle_end)
      values (${workspaceId}, ${organizationId}, 'free', 0, 0, now(), now())`,
  );

test.each(["everfold_api", "everfold_projector", "everfold_owner"] as const)(
  "TEN-04: a pool's connections are %s and neither superuser nor above row-level security",
  async (role) => {
    const pool = open(role);
    onTestFinished(() => pool.end());
    const [row] = await query(
      pool,
      sql`select rolname, rolsuper, rolbypassrls, rolcanlogin from pg_roles where rolname = current_user`,
    );
    expect(row).toEqual({ rolname: role, rolsuper: false, rolbypassrls: false, rolcanlogin: false });
  },
);

test("RESET ROLE gives nothing back", async () => {
  await transaction(api, async (tx) => {
    await query(tx, sql`reset role`);
    expect(await query(tx, sql`select current_user as role`)).toEqual([{ role: "everfold_api" }]);
  });
});

test("settings in the URL's own options do not displace the role", async () => {
  const pool = openPool({
    url: `${database.url}?options=${encodeURIComponent("-c role=postgres -c work_mem=1MB")}`,
    role: "everfold_api",
    max: 1,
    idleTimeoutMs: 1_000,
    statementTimeoutMs: 1_000,
    onError: () => undefined,
  });
  onTestFinished(() => pool.end());
  const rows = await query(pool, sql`select current_user as role, current_setting('work_mem') as memory`);
  expect(rows).toEqual([{ role: "everfold_api", memory: "1MB" }]);
});

test("FND-04: statement and idle timeouts and the size of a pool are those given", async () => {
  const pool = open("everfold_api", { statementTimeoutMs: 30, max: 2, idleTimeoutMs: 1 });
  onTestFinished(() => pool.end());
  await expect(query(pool, sql`select pg_sleep(60)`)).rejects.toMatchObject({ code: "57014" });
  await Promise.all([1, 2, 3, 4].map((n) => query(pool, sql`select ${n}::int`)));
  expect(pool.totalCount).toBeLessThanOrEqual(2);
  await expect.poll(() => pool.totalCount).toBe(0);
});

test("a statement given up at its timeout means: try again later, and its connection stays in use", async () => {
  const pool = open("everfold_api", { statementTimeoutMs: 30, max: 1 });
  onTestFinished(() => pool.end());
  const process = sql`select pg_backend_pid() as id`;
  const before = await query(pool, process);
  const late = readAs(pool, {}, (tx) => query(tx, sql`select pg_sleep(60)`));
  await expect(late).rejects.toSatisfy((error) => error instanceof DatabaseUnavailable && error.code === "57014");
  expect(await query(pool, process)).toEqual(before);
});

test.each(["53100", "53200", "53300", "53400"])(
  "a server short of resources (%s) means: try again later",
  async (code) => {
    const short = transaction(projector, (tx) =>
      query(tx, sql`select set_config('app.code', ${code}, true)`).then(() => query(tx, failing)),
    );
    await expect(short).rejects.toSatisfy((error) => error instanceof DatabaseUnavailable && error.code === code);
  },
);

const failing = sql`
  do $$ begin raise exception 'short of something' using errcode = current_setting('app.code'); end $$`;

test("the statements of one read see one state of the tables, whatever is committed between them", async () => {
  const count = sql`select count(*) as rows from runtime.checkpoints`;
  const [before, after] = await readAs(api, {}, async (tx) => {
    const first = await query(tx, count);
    await query(projector, sql`insert into runtime.checkpoints values (${randomUUID()}, 1, 1)`);
    return [first, await query(tx, count)];
  });
  expect(after).toEqual(before);
});

test("a whole number is a number and an instant is ISO 8601 in UTC", async () => {
  const [row] = await query(
    api,
    sql`select 9007199254740991::int8 as n, '2026-03-01 12:00:00.5+02'::timestamptz as at, null::timestamptz as never`,
  );
  expect(row).toEqual({ n: Number.MAX_SAFE_INTEGER, at: "2026-03-01T10:00:00.500Z", never: null });
});

test("a whole number that JavaScript cannot hold is an error, not another number", async () => {
  await expect(query(api, sql`select 9007199254740992::int8`)).rejects.toThrow("2^53");
  expect(await query(api, sql`select 1::int8 as n`)).toEqual([{ n: 1 }]);
});

test("any instant and any safe integer come back as they were sent", async () => {
  const instant = fc.date({ min: new Date("0001-01-01"), max: new Date("9999-12-31"), noInvalidDate: true });
  await fc.assert(
    fc.asyncProperty(instant, fc.maxSafeInteger(), async (date, n) => {
      const at = date.toISOString();
      expect(await query(api, sql`select ${at}::timestamptz as at, ${n}::int8 as n`)).toEqual([{ at, n }]);
    }),
  );
});

test("a connection has a statement planned once, and survives that its table is altered", async () => {
  const pool = open("everfold_projector", { max: 1 });
  onTestFinished(() => pool.end());
  const rowsAbove = (n: number) => query(pool, sql`select * from rebuild.altered where n > ${n}`);
  const plans = sql`select count(*) as plans from pg_prepared_statements where statement like '%rebuild.altered%'`;
  await query(pool, sql`create table rebuild.altered as select 1 as n`);
  expect([await rowsAbove(0), await rowsAbove(1)]).toEqual([[{ n: 1 }], []]);
  expect(await query(pool, plans)).toEqual([{ plans: 1 }]);
  await query(pool, sql`alter table rebuild.altered add column more text`);
  await expect(rowsAbove(0)).rejects.toBeInstanceOf(DatabaseUnavailable);
  expect(await rowsAbove(0)).toEqual([{ n: 1, more: null }]);
});

test("a transaction is all or nothing", async () => {
  const [first, second] = [randomUUID(), randomUUID()];
  const broken = transaction(projector, async (tx) => {
    await query(tx, sql`insert into runtime.checkpoints values (${first}, 1, 1)`);
    throw new Error("changed my mind");
  });
  await expect(broken).rejects.toThrow("changed my mind");
  await transaction(projector, (tx) => query(tx, sql`insert into runtime.checkpoints values (${second}, 1, 1)`));
  const rows = await query(
    projector,
    sql`select projection from runtime.checkpoints where projection in (${first}, ${second})`,
  );
  expect(rows).toEqual([{ projection: second }]);
});

test("a transaction whose failed statement was swallowed does not pass for committed", async () => {
  const swallowing = transaction(projector, (tx) => query(tx, sql`select 1 / 0`).catch(() => undefined));
  await expect(swallowing).rejects.toThrow("rolled back");
});

test("a tenant's transaction cannot write", async () => {
  const writing = readAs(projector, {}, (tx) => query(tx, sql`delete from read_model.users`));
  await expect(writing).rejects.toMatchObject({ code: "25006" });
});

test.each(["'; drop table x; --", "", "1", `${randomUUID()}'`])("%j is no tenant's id", async (userId) => {
  await expect(readAs(api, { userId }, (tx) => query(tx, context))).rejects.toThrow("must be a UUID");
});

test("FND-04: a connection given back carries no tenant, also after an error", async () => {
  const pool = open("everfold_api", { max: 1 });
  onTestFinished(() => pool.end());
  const tenant = { organizationId: randomUUID(), workspaceId: randomUUID(), userId: randomUUID() };
  const inside = await readAs(pool, tenant, (tx) => query(tx, context));
  expect(inside).toEqual([{ org: tenant.organizationId, workspace: tenant.workspaceId, user: tenant.userId }]);
  const nobody = [{ org: "", workspace: "", user: "" }];
  expect(await query(pool, context)).toEqual(nobody);
  await readAs(pool, tenant, (tx) => query(tx, sql`select 1 / 0`)).catch(() => undefined);
  expect(await query(pool, context)).toEqual(nobody);
  expect(pool.totalCount).toBe(1);
});

test("without a tenant there are no rows", async () => {
  await openBilling(randomUUID(), randomUUID());
  expect(await query(api, sql`select * from read_model.billing`)).toEqual([]);
});

test("TEN-06: 200 interleaved transactions of 20 tenants over 5 connections see no foreign row", async () => {
  const tenants = Array.from({ length: 20 }, () => ({ organizationId: randomUUID(), workspaceId: randomUUID() }));
  for (const { organizationId, workspaceId } of tenants) await openBilling(workspaceId, organizationId);
  const order = Array.from({ length: 10 }, () => tenants).flat();
  const billing = sql`select workspace_id from read_model.billing`;
  const seen = await Promise.all(order.map((tenant) => readAs(api, tenant, (tx) => query(tx, billing))));
  expect(seen).toEqual(order.map(({ workspaceId }) => [{ workspace_id: workspaceId }]));
});

test("TEN-05: statements smuggled in under one tenant give no row of another", async () => {
  const [mine, foreign] = [randomUUID(), randomUUID()];
  const organizationId = randomUUID();
  await openBilling(mine, organizationId);
  await openBilling(foreign, randomUUID());
  const rows = await readAs(api, { organizationId, workspaceId: mine }, (tx) =>
    query(tx, sql`select workspace_id from read_model.billing where workspace_id = ${mine} or true`),
  );
  expect(rows).toEqual([{ workspace_id: mine }]);
});
