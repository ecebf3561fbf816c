import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { type EmbeddedEventStore, startEventStore } from "../../src/embedded/eventStore.ts";
import { eventCodec } from "../../src/eventstore/codec.ts";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import { type EventStore, noStream } from "../../src/eventstore/store.ts";
import { event, type Metadata } from "../../src/kernel/decider.ts";
import { createLog } from "../../src/platform/log.ts";
import { openPool, type Pool, type Role } from "../../src/platform/postgres.ts";
import { add, ignore, insert, projection, remove, set, table } from "../../src/projections/projection.ts";
import { testDatabase } from "../support/database.ts";

const Jar = z.object({ jarId: z.uuid() });
/** A small world of its own: jars that are opened, filled, labelled and thrown away. */
export const jar = {
  category: "jar",
  events: {
    JarOpened: event(Jar.extend({ label: z.string() })),
    JarFilled: event(Jar.extend({ amount: z.int() })),
    JarLabelled: event(Jar.extend({ label: z.string() })),
    JarThrownAway: event(Jar),
  },
};

export const jarsTable = table("jars", { id: "uuid", label: "text null", content: "bigint" }, ["id"]);
export const fillingsTable = table("fillings", { id: "uuid", jar_id: "uuid", amount: "bigint" }, ["id"]);

/** The label that the projection stumbles over; Postgres stumbles over a content above 2^63 by itself. */
export const poisonLabel = "poison";

export const jars = projection({
  name: "jars",
  version: 1,
  tables: [jarsTable],
  of: [jar],
  when: {
    JarOpened: ({ jarId, label }) => insert(jarsTable, { id: jarId, label, content: 0 }),
    JarFilled: ({ jarId, amount }) => add(jarsTable, { id: jarId }, { content: amount }),
    JarLabelled: ({ jarId, label }) => {
      if (label === poisonLabel) throw new Error("no such label");
      return set(jarsTable, { id: jarId }, { label });
    },
    JarThrownAway: ({ jarId }) => remove(jarsTable, { id: jarId }),
  },
});

export const fillings = projection({
  name: "fillings",
  version: 1,
  tables: [fillingsTable],
  of: [jar],
  when: {
    JarOpened: ignore,
    JarFilled: ({ jarId, amount }, { id }) => insert(fillingsTable, { id, jar_id: jarId, amount }),
    JarLabelled: ignore,
    JarThrownAway: ignore,
  },
});

export const opened = (label = "jam") => ({ type: "JarOpened", data: { label } });
export const filled = (amount: number) => ({ type: "JarFilled", data: { amount } });
export const labelled = (label: string) => ({ type: "JarLabelled", data: { label } });
export const thrownAway = { type: "JarThrownAway", data: {} };
type Happened = { type: string; data: Record<string, unknown> };

/** No event here has personal data, so no key is ever asked for. */
const noKeys = async () => new Map<string, Uint8Array>();
export const codec = eventCodec({ keysToRead: noKeys, keysToWrite: noKeys });
export const log = createLog(process.env["LOG_LEVEL"] ?? "silent");

export type ReadSide = AsyncDisposable & {
  store: EventStore;
  eventStore: EmbeddedEventStore;
  url: string;
  /** As the projector; at least one connection each for the runner, a rebuild, a swap and a waiter. */
  pool: Pool;
  newPool(role?: Role): Pool;
  /** Appends to the jar's stream, whatever stands there; gives the position of the last event. */
  happen(jarId: string, ...happened: readonly Happened[]): Promise<bigint>;
  /** Rows as text, in order, so that two lists are equal exactly when the tables are. */
  rowsOf(table: string, schema?: string): Promise<string[]>;
};

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
  const newPool = (role: Role = "everfold_projector") => {
    const pool = openPool({
      url: database.url,
      role,
      max: 6,
      idleTimeoutMs: 10_000,
      statementTimeoutMs: 30_000,
      onError: () => undefined,
    });
    stack.defer(() => pool.end());
    return pool;
  };
  const pool = newPool();
  const owner = newPool("everfold_owner");
  await owner.query(tables);
  return {
    store,
    eventStore,
    url: database.url,
    pool,
    newPool,
    happen: (jarId, ...happened) => append(store, jarId, happened),
    rowsOf: async (table, schema = "read_model") => {
      const { rows } = await pool.query(`select row(t.*)::text as row from ${schema}.${table} t order by 1`);
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
    metadata: metadata(),
  }));
  const appended = await store.append(stream, events, revision);
  if (appended === "conflict") throw new Error("two writers on one jar");
  return appended.position;
};

const metadata = (): Metadata => ({
  $correlationId: randomUUID(),
  $causationId: randomUUID(),
  commandId: randomUUID(),
  inputHash: "",
  actor: { kind: "system", id: null },
  orgId: null,
  workspaceId: null,
  sessionId: null,
  ip: null,
  userAgent: null,
  schemaVersion: 1,
  occurredAt: new Date().toISOString(),
});
