import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openPool, type Pool } from "../../src/platform/postgres.ts";
import { rightOfWay } from "../../src/platform/rightOfWay.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

const stack = new AsyncDisposableStack();
let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await testDatabase();
  stack.defer(() => database.drop());
  const bounds = { max: 6, idleTimeoutMs: 10_000, statementTimeoutMs: 10_000 };
  pool = openPool({ url: database.url, role: "everfold_api", ...bounds, onError: () => undefined });
  stack.defer(() => pool.end());
  administrator = new pg.Client({ connectionString: database.url });
  await administrator.connect();
  stack.defer(() => administrator.end());
});
afterAll(() => stack.disposeAsync());

/** Whoever sees all roles' statements. */
let administrator: pg.Client;
const listeners = async (): Promise<{ pid: number }[]> => {
  const found = await administrator.query(
    "select pid from pg_stat_activity where datname = current_database() and query = 'listen right_of_way'",
  );
  return found.rows;
};

/** One process's: what it was asked for is in `heard`. */
const process = () => {
  const over = new AbortController();
  const heard: string[] = [];
  const warnings: string[] = [];
  const { ask, hear } = rightOfWay(pool, (_, message) => warnings.push(message));
  const ended = hear((stream) => heard.push(stream), over.signal);
  const stop = () => {
    over.abort();
    return ended;
  };
  return { ask, heard, warnings, [Symbol.asyncDispose]: stop };
};

test("what one process asks for is heard by the others and not by itself", async () => {
  await using one = process();
  await using other = process();
  await expect.poll(listeners).toHaveLength(2);
  one.ask("credit_ledger-1");
  await expect.poll(() => other.heard).toEqual(["credit_ledger-1"]);
  other.ask("credit_ledger-2");
  await expect.poll(() => one.heard).toEqual(["credit_ledger-2"]);
  expect(other.heard).toEqual(["credit_ledger-1"]);
});

test("a connection that was cut is made again, and nothing fails for it", async () => {
  await using one = process();
  await using other = process();
  await expect.poll(listeners).toHaveLength(2);
  for (const { pid } of await listeners()) await administrator.query("select pg_terminate_backend($1)", [pid]);
  await expect.poll(listeners, { timeout: 10_000 }).toHaveLength(2);
  one.ask("credit_ledger-1");
  await expect.poll(() => other.heard).toEqual(["credit_ledger-1"]);
});

test("with Postgres away it is told in the log, and that is all", async () => {
  const away = openPool({
    url: "postgres://127.0.0.1:1/nothing",
    role: "everfold_api",
    max: 1,
    idleTimeoutMs: 1_000,
    statementTimeoutMs: 1_000,
    onError: () => undefined,
  });
  const warnings: string[] = [];
  rightOfWay(away, (_, message) => warnings.push(message)).ask("credit_ledger-1");
  await expect.poll(() => warnings).toHaveLength(1);
  await away.end();
});
