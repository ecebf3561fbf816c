import { readdir, readFile } from "node:fs/promises";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { migrate } from "../src/platform/migrations.ts";
import { projections } from "../src/projections/all.ts";
import { describeCatalogue } from "./support/catalogue.ts";
import { testDatabase } from "./support/database.ts";

const folder = new URL("../migrations/", import.meta.url);

const database = async (from?: string): Promise<string> => {
  const { url, drop } = await testDatabase(from);
  onTestFinished(drop);
  return url;
};

/** A line for each column there is: schema, table, name, type. */
const columns = async (): Promise<string[]> => {
  const client = new pg.Client({ connectionString: await database() });
  await client.connect();
  const { rows } = await client.query(
    `select format('%s.%s.%s %s', table_schema, table_name, column_name, udt_name)
       || case is_nullable when 'YES' then ' null' else '' end as line
     from information_schema.columns where table_schema in ('read_model', 'runtime', 'vault')`,
  );
  await client.end();
  return rows.map(({ line }) => line);
};

test("MIG-01: every migration is plain SQL that says how to go up, and down", async () => {
  const files = await readdir(folder);
  expect(files.filter((name) => !/^\d{4}_[a-z_]+\.sql$/.test(name))).toEqual([]);
  expect(new Set(files.map((name) => name.slice(0, 4))).size).toBe(files.length);
  for (const name of files) {
    const [, up = "", down = ""] = (await readFile(new URL(name, folder), "utf8")).split(/^-- (?:Up|Down) Migration$/m);
    expect([name, up.includes(";"), down.trim() !== ""]).toEqual([name, true, true]);
  }
});

test("MIG-01: the migrations make every column that a read model writes, with its type", async () => {
  const udt: Readonly<Record<string, string>> = { bigint: "int8", integer: "int4", boolean: "bool" };
  const written = projections.flatMap(({ tables }) =>
    tables.flatMap(({ name, columns: ofTable }) =>
      Object.entries(ofTable).map(([column, described]) => {
        const [type = "", ...nullable] = described.split(" ");
        return [`read_model.${name}.${column}`, udt[type] ?? type, ...nullable].join(" ");
      }),
    ),
  );
  expect(written.length).toBeGreaterThan(50);
  expect(await columns()).toEqual(expect.arrayContaining(written));
});

test("MIG-05: the databases of tests are made by the real migrations", async () => {
  const migrated = await database("template1");
  await migrate(migrated);
  expect(await describeCatalogue(await database())).toEqual(await describeCatalogue(migrated));
});

test("CRED-10: a credential's row has all but its secrets; their wrapped key is in the vault alone", async () => {
  const all = await columns();
  const prefix = "read_model.api_credentials.";
  const row = all.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length));
  expect(row.toSorted()).toEqual([
    "created_at timestamptz",
    "created_by uuid",
    "deleted_at timestamptz null",
    "id uuid",
    "last_used_at timestamptz null",
    "masked_key text",
    "name text",
    "organization_id uuid",
    "provider_name text",
    "updated_at timestamptz",
    "workspace_id uuid",
  ]);
  expect(all.filter((line) => line.includes("wrapped_key"))).toEqual(["vault.subject_keys.wrapped_key bytea null"]);
});
