import { randomUUID } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";

/** The migrated database that test databases are copies of. */
export const template = "everfold_template";

export type TestDatabase = { url: string; drop(): Promise<void> };

/** A database of the caller's own: migrated unless `from` says otherwise, empty, on the Postgres of this test run. */
export const testDatabase = async (from = template): Promise<TestDatabase> => {
  const server = inject("postgresUrl");
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  const url = await createDatabase(server, name, from);
  return { url, drop: () => administer(server, `drop database "${name}" with (force)`) };
};

/** @returns the new database's URL */
export const createDatabase = async (server: string, name: string, from = "template1"): Promise<string> => {
  await administer(server, `create database "${name}" template "${from}"`);
  return Object.assign(new URL(server), { pathname: `/${name}` }).href;
};

const administer = async (server: string, statement: string): Promise<void> => {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(statement).finally(() => client.end());
};
