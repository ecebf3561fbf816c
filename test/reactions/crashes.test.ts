import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { startEventStore } from "../../src/embedded/eventStore.ts";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import { query } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import type { Reaction } from "../../src/reactions/reaction.ts";
import { type ReactionRunner, runReactions } from "../../src/reactions/runner.ts";
import { codec, labelled, log, opened } from "../projections/jars.ts";
import { type ReadSide, startReadSide, until } from "../projections/readSide.ts";
import { systemMetadata } from "../support/metadata.ts";
import { onLabels } from "./labels.ts";

const stack = new AsyncDisposableStack();
let side: ReadSide;
beforeAll(async () => {
  side = stack.use(await startReadSide());
  await side.owner.query("create table read_model.notes (event_id uuid, label text not null)");
  await side.owner.query("grant select, insert on read_model.notes to everfold_projector");
});
afterAll(() => stack.disposeAsync());

const newName = () => `test_${randomUUID()}`;
const running = (url: string, ...reactions: readonly Reaction[]): ReactionRunner => {
  const store = eventStoreDb({ url });
  stack.defer(() => store.close());
  const runner = runReactions({ groups: store.groups, codec, reactions, log });
  stack.defer(() => runner.stop());
  return runner;
};

/** An effect on Postgres, told by what is in there afterwards. */
const noting = (name: string, jarId: string) =>
  onLabels(name, [jarId], async (label, eventId) => {
    await query(side.pool, sql`insert into read_model.notes (event_id, label) values (${eventId}, ${label})`);
  });
const notes = async (): Promise<string[]> => {
  const rows = await query<{ label: string }>(side.pool, sql`select label from read_model.notes order by label`);
  return rows.map(({ label }) => label);
};

test("what a process had in hand when it was killed is had by another one", async () => {
  const { url } = side.eventStore;
  const [name, jarId] = [newName(), randomUUID()];
  await side.happen(jarId, opened(), labelled("killed 1"), labelled("killed 2"));
  const child = fork(new URL("./reactingProcess.ts", import.meta.url), [url, name, jarId]);
  stack.defer(() => void child.kill("SIGKILL"));
  const begun: unknown[] = [];
  child.on("message", (label) => begun.push(label));
  await until(() => begun.length === 2);
  running(url, noting(name, jarId));
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  await until(async () => (await notes()).length === 2);
  expect(await notes()).toEqual(["killed 1", "killed 2"]);
});

test("an effect that meets Postgres away waits until it is back", async () => {
  const { url } = side.eventStore;
  const [name, jarId] = [newName(), randomUUID()];
  const runner = running(url, noting(name, jarId));
  const database = new URL(side.url).pathname.slice(1);
  const administrator = new pg.Client({ connectionString: inject("postgresUrl") });
  await administrator.connect();
  stack.defer(() => administrator.end());
  await administrator.query(`alter database "${database}" allow_connections false`);
  await side.cutConnections();
  await side.happen(jarId, opened(), labelled("away"));
  await until(() => runner.status().waiting === 1);
  await administrator.query(`alter database "${database}" allow_connections true`);
  await until(async () => (await notes()).includes("away"));
  expect(runner.status().parked).toBe(0);
});

test("a runner goes on when the event store was killed in the middle of effects", async () => {
  const name = newName();
  const jarId = randomUUID();
  const had: string[] = [];
  const gate = Promise.withResolvers<void>();
  const runner = running(
    side.eventStore.url,
    onLabels(name, [jarId], async (label) => {
      if (label === "before") await gate.promise;
      had.push(label);
    }),
  );
  await side.happen(jarId, opened(), labelled("before"));
  await until(() => runner.status().isRunning);
  process.kill(side.eventStore.pid, "SIGKILL");
  gate.resolve();
  await until(() => had.includes("before"));
  await until(() => runner.status().isRunning);
  await until(() => happened(jarId, "after"));
  await until(() => had.includes("after"));
  expect(runner.status()).toMatchObject({ isRunning: true, problem: null, parked: 0 });
});

/** False while the store is away. */
const happened = async (jarId: string, label: string): Promise<boolean> =>
  side.happen(jarId, labelled(label)).then(
    () => true,
    () => false,
  );

test("a runner waits for an event store that is not there, says so, and goes on when it comes", async () => {
  const directory = await mkdtemp(join(tmpdir(), "everfold-reactions-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const first = await startEventStore({ directory });
  const { url } = first;
  const [name, jarId] = [newName(), randomUUID()];
  const had: string[] = [];
  const runner = running(
    url,
    onLabels(name, [jarId], async (label) => void had.push(label)),
  );
  await until(() => runner.status().isRunning);
  await first.stop();
  await until(() => !runner.status().isRunning && runner.status().problem !== null);

  const second = await startEventStore({ directory, port: Number(new URL(url).port) });
  stack.defer(() => second.stop());
  const store = eventStoreDb({ url });
  stack.defer(() => store.close());
  const event = { id: randomUUID(), type: "JarLabelled", data: { jarId, label: "back" }, metadata: systemMetadata() };
  await store.append(`jar-${jarId}`, [event], -1n);
  await until(() => had.includes("back"));
  expect(runner.status()).toMatchObject({ isRunning: true, problem: null });
});

test("a runner that is stopped while the event store is away ends", async () => {
  const directory = await mkdtemp(join(tmpdir(), "everfold-reactions-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const eventStore = await startEventStore({ directory });
  const runner = running(
    eventStore.url,
    onLabels(newName(), [], async () => undefined),
  );
  await until(() => runner.status().isRunning);
  await eventStore.stop();
  await until(() => !runner.status().isRunning);
  await runner.stop();
});
