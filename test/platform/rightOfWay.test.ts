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
    "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() " +
      "and query ~ '(listen |notify.*)right_of_way'",
  );
  return found.rows;
};

type Heard = Parameters<Parameters<ReturnType<typeof rightOfWay>["hear"]>[0]>[0];

/** One process's: what the others told is in `heard`. */
const process = () => {
  const over = new AbortController();
  const heard: Omit<Heard, "from">[] = [];
  const warnings: string[] = [];
  const { self, tell, hear } = rightOfWay(pool, (_, message) => warnings.push(message));
  const from: string[] = [];
  const hearing = hear(({ from: name, ...word }) => {
    from.push(name);
    heard.push(word);
  }, over.signal);
  const stop = () => {
    over.abort();
    return hearing;
  };
  return { self, tell, heard, from, warnings, [Symbol.asyncDispose]: stop };
};

const asked = (stream: string) => ({ stream, to: undefined, wants: true, wrote: false });

test("what one process tells is heard by the others and not by itself", async () => {
  await using one = process();
  await using other = process();
  await expect.poll(listeners).toHaveLength(2);
  await expect.poll(() => one.tell(asked("credit_ledger-1"))).toBe(true);
  await expect.poll(() => other.heard).toEqual([asked("credit_ledger-1")]);
  const passed = { stream: "credit_ledger-1", to: one.self, wants: false, wrote: true };
  await expect.poll(() => other.tell(passed)).toBe(true);
  await expect.poll(() => one.heard).toEqual([passed]);
  expect(other.heard).toEqual([asked("credit_ledger-1")]);
  expect([one.from, other.from]).toEqual([[other.self], [one.self]]);
});

test("words are heard in the order they were told in", async () => {
  await using one = process();
  await using other = process();
  await expect.poll(listeners).toHaveLength(2);
  const streams = Array.from({ length: 50 }, (_, index) => `credit_ledger-${index}`);
  await expect.poll(() => one.tell(asked("credit_ledger-first"))).toBe(true);
  for (const stream of streams) one.tell(asked(stream));
  await expect.poll(() => other.heard).toEqual(["credit_ledger-first", ...streams].map(asked));
});

test("a connection that was cut is made again, and nothing fails for it", async () => {
  await using one = process();
  await using other = process();
  await expect.poll(listeners).toHaveLength(2);
  for (const { pid } of await listeners()) await administrator.query("select pg_terminate_backend($1)", [pid]);
  await expect.poll(listeners, { timeout: 10_000 }).toHaveLength(2);
  await expect.poll(() => one.tell(asked("credit_ledger-1")), { timeout: 10_000 }).toBe(true);
  await expect.poll(() => other.heard).toEqual([asked("credit_ledger-1")]);
});

test("with Postgres away nobody can be told, which is said in the log, and that is all", async () => {
  const away = openPool({
    url: "postgres://127.0.0.1:1/nothing",
    role: "everfold_api",
    max: 1,
    idleTimeoutMs: 1_000,
    statementTimeoutMs: 1_000,
    onError: () => undefined,
  });
  const warnings: string[] = [];
  const over = new AbortController();
  const { tell, hear } = rightOfWay(away, (_, message) => warnings.push(message));
  const hearing = hear(() => undefined, over.signal);
  expect(tell(asked("credit_ledger-1"))).toBe(false);
  await expect.poll(() => warnings.length).toBeGreaterThan(0);
  over.abort();
  await hearing;
  await away.end();
});
