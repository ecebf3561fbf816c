import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { vi } from "vitest";
import { type EmbeddedEventStore, startEventStore } from "../../src/embedded/eventStore.ts";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import { type EventStore, noStream } from "../../src/eventstore/store.ts";
import { openPool, type Pool, type Role } from "../../src/platform/postgres.ts";
import { testDatabase } from "../support/database.ts";
import { systemMetadata } from "../support/metadata.ts";
import type { Happened } from "./jars.ts";

export type ReadSide = AsyncDisposable & {
  store: EventStore;
  eventStore: EmbeddedEventStore;
  url: string;
  /** As the projector; at least one connection each for the runner, a rebuild, a swap and a waiter. */
  pool: Pool;
  /** As the owner, to change what a migration would. */
  owner: Pool;
  superuser: pg.Client;
  /** Ends every other connection to the database, as a restart of Postgres does. */
  cutConnections(): Promise<void>;
  newPool(role: Role, options?: { statementTimeoutMs: number }): Pool;
  /** Appends to the jar's stream, whatever stands there; gives the position of the last event. */
  happen(jarId: string, ...happened: readonly Happened[]): Promise<bigint>;
  /** Rows as text, in order, so that two lists are equal exactly when the tables are. */
  rowsOf(table: string, schema?: string): Promise<string[]>;
};

/** Waits for a condition, on a machine however busy. */
export const until = (condition: () => boolean | Promise<boolean>): Promise<boolean> =>
  vi.waitUntil(condition, { timeout: 30_000, interval: 10 });

/** A migrated database with the jars' tables, and an event store, of the caller's own. */
export const startReadSide = async (): Promise<ReadSide> => {
  const stack = new AsyncDisposableStack();
  const database = await testDatabase();
  stack.defer(() => database.drop());
  const directory = await mkdtemp(join(tmpdir(), "everfold-read-side-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const eventStore = await startEventStore({ directory });
  const store = eventStoreDb({ url: eventStore.url });
  stack.defer(() => store.close());
  stack.defer(() => eventStore.stop());
  const newPool = (role: Role, { statementTimeoutMs } = { statementTimeoutMs: 30_000 }) => {
    const pool = openPool({
      url: database.url,
      role,
      max: 6,
      idleTimeoutMs: 10_000,
      statementTimeoutMs,
      onError: () => undefined,
    });
    stack.defer(() => pool.end());
    return pool;
  };
  const pool = newPool("everfold_projector");
  const owner = newPool("everfold_owner");
  await owner.query(tables);
  const superuser = new pg.Client({ connectionString: database.url });
  await superuser.connect();
  stack.defer(() => superuser.end());
  return {
    store,
    eventStore,
    url: database.url,
    pool,
    owner,
    superuser,
    cutConnections: async () => {
      await superuser.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`,
      );
    },
    newPool,
    happen: (jarId, ...happened) => append(store, jarId, happened),
    rowsOf: async (table, schema = "read_model") => {
      const { rows } = await superuser.query(`select row(t.*)::text as row from ${schema}.${table} t order by 1`);
      return rows.map(({ row }) => row);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};

const tables = `
  create table read_model.jars (id uuid primary key, label text, content bigint not null);
  create table read_model.fillings (id uuid primary key, jar_id uuid not null, amount bigint not null);
  create index fillings_jar on read_model.fillings (jar_id);
  alter table read_model.jars enable row level security, force row level security;
  create policy projector on read_model.jars to everfold_projector using (true) with check (true);`;

const append = async (store: EventStore, jarId: string, happened: readonly Happened[]): Promise<bigint> => {
  const stream = `jar-${jarId}`;
  const revision = (await store.last(stream))?.revision ?? noStream;
  const events = happened.map(({ type, data }) => ({
    id: randomUUID(),
    type,
    data: { jarId, ...data },
    metadata: systemMetadata(),
  }));
  const appended = await store.append(stream, events, revision);
  if (appended === "conflict") throw new Error("two writers on one jar");
  return appended.position;
};
