import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { startPostgres } from "../src/embedded/postgres.ts";
import { migrate, pendingMigrations } from "../src/platform/migrations.ts";
import { openPool, type Pool, query, type Role } from "../src/platform/postgres.ts";
import { sql } from "../src/platform/sql.ts";
import { describeCatalogue } from "./support/catalogue.ts";
import { createDatabase, type TestDatabase, testDatabase } from "./support/database.ts";

const open = (url: string, role: Role): Pool => {
  const pool = openPool({
    url,
    role,
    max: 2,
    idleTimeoutMs: 1_000,
    statementTimeoutMs: 5_000,
    onError: () => undefined,
  });
  onTestFinished(() => pool.end());
  return pool;
};

const emptyDatabase = async (): Promise<TestDatabase> => {
  const database = await testDatabase("template1");
  onTestFinished(() => database.drop());
  return database;
};

describe("the runner", () => {
  test("MIG-03: applies what is pending in order, records it, and then finds nothing to do", async () => {
    const { url } = await emptyDatabase();
    const pool = open(url, "everfold_api");
    const pending = await pendingMigrations(pool);
    expect(pending[0]).toBe("0001_roles");
    expect(await migrate(url)).toEqual(pending);
    expect(await pendingMigrations(pool)).toEqual([]);
    expect(await migrate(url)).toEqual([]);
  });

  test("MIG-03: of many that migrate one database at once, one does the work", async () => {
    const { url } = await emptyDatabase();
    const done = await Promise.all([migrate(url), migrate(url), migrate(url)]);
    expect(done.flat()).toEqual(await migrate((await emptyDatabase()).url));
  });

  test("MIG-04: up, all the way down and up again gives the same schema", async () => {
    const { url } = await emptyDatabase();
    const empty = await describeCatalogue(url);
    const applied = await migrate(url);
    const first = await describeCatalogue(url);
    expect(await migrate(url, { direction: "down", count: applied.length })).toEqual(applied.toReversed());
    expect(await describeCatalogue(url)).toEqual(empty);
    await migrate(url);
    expect(await describeCatalogue(url)).toEqual(first);
  });

  test("MIG-04: each migration alone can be taken back and applied again", async () => {
    const { url } = await emptyDatabase();
    const total = (await pendingMigrations(open(url, "everfold_api"))).length;
    for (let applied = 0; applied < total; applied++) {
      const before = await describeCatalogue(url);
      await migrate(url, { count: 1 });
      const after = await describeCatalogue(url);
      await migrate(url, { direction: "down" });
      expect(await describeCatalogue(url)).toEqual(before);
      await migrate(url, { count: 1 });
      expect(await describeCatalogue(url)).toEqual(after);
    }
    expect(await pendingMigrations(open(url, "everfold_api"))).toEqual([]);
  });
});

describe("a vault that holds keys", () => {
  test.each([
    sql`insert into vault.subject_keys (subject_id, kind, wrapped_key, key_version)
      values (gen_random_uuid(), 'user', ${Buffer.alloc(60)}, 1)`,
    sql`insert into vault.signing_keys (kid, public_jwk, wrapped_private) values ('k', '{}', ${Buffer.alloc(60)})`,
    sql`insert into vault.seal_keys (number, kid, public_jwk, wrapped_private)
      values (1, 'k', '{}', ${Buffer.alloc(60)})`,
  ])("is not taken back: with its keys everything encrypted under them would be gone", async (insertKey) => {
    const { url } = await emptyDatabase();
    const applied = await migrate(url);
    await query(open(url, "everfold_api"), insertKey);
    const before = await describeCatalogue(url);
    await expect(migrate(url, { direction: "down", count: applied.length })).rejects.toThrow("the vault holds keys");
    expect(await describeCatalogue(url)).toEqual(before);
  });
});

/** Roles outlive databases, so what happens on a server without them needs a new server. */
const newServer = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), "everfold-test-migrations-"));
  const server = await startPostgres({ directory });
  onTestFinished(async () => {
    await server.stop();
    await rm(directory, { recursive: true });
  });
  return server.url;
};

describe("a server that knows nothing of Everfold", () => {
  test("several of its databases can be migrated at once, though roles belong to all of them", async () => {
    const server = await newServer();
    const urls = await Promise.all(["a", "b", "c", "d"].map((name) => createDatabase(server, name)));
    await Promise.all(urls.map((url) => migrate(url)));
    const [first, ...others] = await Promise.all(urls.map(describeCatalogue));
    for (const other of others) expect(other).toEqual(first);
  });

  test("taking back all migrations of one database leaves the others at work", async () => {
    const server = await newServer();
    const [one, other] = await Promise.all(["one", "other"].map((name) => createDatabase(server, name)));
    if (one === undefined || other === undefined) throw new Error("two databases were asked for");
    const applied = await migrate(one);
    await migrate(other);
    await migrate(one, { direction: "down", count: applied.length });
    expect(await query(open(other, "everfold_api"), sql`select id from read_model.users`)).toEqual([]);
  });

  test("an owner of the database who is no superuser can migrate it and take on the roles", async () => {
    const server = await newServer();
    const superuser = new pg.Client({ connectionString: server });
    await superuser.connect();
    await superuser.query("create role app login createrole password 'secret'");
    await superuser.query("create database app owner app");
    await superuser.end();
    const url = Object.assign(new URL(server), { username: "app", password: "secret", pathname: "/app" }).href;
    const applied = await migrate(url);
    for (const role of ["everfold_api", "everfold_projector"] as const)
      expect(await query(open(url, role), sql`select id from read_model.users`)).toEqual([]);
    await migrate(url, { direction: "down", count: applied.length });
    await migrate(url);
    expect(await pendingMigrations(open(url, "everfold_api"))).toEqual([]);
  });
});
