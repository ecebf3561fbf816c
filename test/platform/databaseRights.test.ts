import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPool, type Pool, query, type Role } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { readModels } from "./readModelTables.ts";

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

describe("the catalogue", () => {
  test("TEN-04: every read model has forced row-level security and a policy for each role", async () => {
    const rows = await query(
      projector,
      sql`
        select relname as name, relrowsecurity as enabled, relforcerowsecurity as forced,
          relowner::regrole::text as owner,
          array(select roles::text || ' ' || cmd from pg_policies where tablename = relname order by 1) as policies
        from pg_class where relnamespace = 'read_model'::regnamespace and relkind in ('r', 'p', 'v', 'm')
        order by relname`,
    );
    const policies = ["{everfold_api} SELECT", "{everfold_projector} ALL"];
    const secured = { enabled: true, forced: true, owner: "everfold_owner", policies };
    expect(rows).toEqual(readModels.map((name) => ({ name, ...secured })));
  });

  test("BILL-08: the API may read read models and do nothing else to them", async () => {
    const rows = await query(
      projector,
      sql`
        select distinct grantee::regrole::text as role, privilege_type as privilege
        from pg_class cross join lateral aclexplode(relacl)
        where relnamespace = 'read_model'::regnamespace
          and grantee not in ('everfold_owner'::regrole, 'everfold_projector'::regrole)`,
    );
    expect(rows).toEqual([{ role: "everfold_api", privilege: "SELECT" }]);
  });

  test.each([
    ["everfold_api", "runtime", "checkpoints", "SELECT"],
    ["everfold_api", "runtime", "command_results", "DELETE INSERT SELECT UPDATE"],
    ["everfold_api", "runtime", "stream_snapshots", "DELETE INSERT SELECT UPDATE"],
    ["everfold_api", "vault", "subject_keys", "INSERT SELECT UPDATE"],
    ["everfold_api", "vault", "signing_keys", "INSERT SELECT UPDATE"],
    ["everfold_projector", "vault", "subject_keys", "INSERT SELECT UPDATE"],
    ["everfold_projector", "vault", "signing_keys", ""],
    ["everfold_api", "vault", "master_key_check", "INSERT SELECT"],
    ["everfold_projector", "runtime", "checkpoints", "DELETE INSERT SELECT UPDATE"],
    ["everfold_projector", "read_model", "billing", "DELETE INSERT SELECT UPDATE"],
  ])("%s may do to %s.%s: %s", async (role, schema, table, privileges) => {
    const rows = await query(
      projector,
      sql`
        select p as privilege
        from unnest(array['DELETE', 'INSERT', 'REFERENCES', 'SELECT', 'TRIGGER', 'TRUNCATE', 'UPDATE']) p
        where has_table_privilege(${role}, ${`${schema}.${table}`}, p) order by p`,
    );
    expect(rows.map(({ privilege }) => privilege).join(" ")).toBe(privileges);
  });

  test("MIG-02: the indexes have their names", async () => {
    const rows = await query<{ indexname: string }>(
      projector,
      sql`select indexname from pg_indexes where schemaname = 'read_model'`,
    );
    expect(rows.map(({ indexname }) => indexname)).toEqual(
      expect.arrayContaining([
        "users_email",
        "workspaces_slug",
        "workspaces_owner_id",
        "wm_user_id",
        "wm_workspace_id",
        "rt_token_hash",
        "rt_user_id",
        "ac_workspace_id",
        "ct_workspace_created",
      ]),
    );
  });
});
