import { randomUUID } from "node:crypto";
import { EventStoreDBClient } from "@eventstore/db-client";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { eventStoreDb } from "../src/eventstore/esdb.ts";
import { type EventStore, type NewEvent, noStream } from "../src/eventstore/store.ts";
import { lag, shared } from "../src/readiness.ts";
import { client, expectStatus } from "./support/client.ts";
import { type Installation, installation } from "./support/everfold.ts";
import { systemMetadata } from "./support/metadata.ts";
import { rowsOf } from "./support/stored.ts";

const stack = new AsyncDisposableStack();
let on: Installation;
let store: EventStore;

beforeAll(async () => {
  on = await installation(stack);
  const opened = eventStoreDb({ url: on.eventStore.url });
  stack.defer(() => opened.close());
  store = opened;
});
afterAll(() => stack.disposeAsync());

const minute = 60_000;
/** Of a workspace that nobody made: the read models have no row of it to change, and park nothing. */
const happenedAt = (at: number): NewEvent => ({
  id: randomUUID(),
  type: "WorkspaceRenamed",
  data: { name: "Growth", organizationId: randomUUID(), workspaceId: randomUUID() },
  metadata: systemMetadata({ occurredAt: new Date(at).toISOString() }),
});
const write = async (at: number, to = store): Promise<bigint> => {
  const appended = await to.append(`workspace-${randomUUID()}`, [happenedAt(at)], noStream);
  if (appended === "conflict") throw new Error("a new stream was there already");
  return appended.position;
};

describe("projections that run elsewhere", () => {
  test("lag behind when their oldest event has waited for too long, and not before", async () => {
    const before = await store.head();
    const writtenAt = Date.now();
    const position = await write(writtenAt);
    expect(await lag(store, before, writtenAt + 1_000)).toBeUndefined();
    expect(await lag(store, before, writtenAt + minute)).toBe("lag behind");
    expect(await lag(store, position, writtenAt + minute)).toBeUndefined();
  });

  test("do not lag behind events of the store's own, which they never pass", async () => {
    const position = await write(Date.now());
    const bare = EventStoreDBClient.connectionString(on.eventStore.url);
    onTestFinished(() => bare.dispose());
    await bare.setStreamMetadata(`other-${randomUUID()}`, { maxCount: 1 });
    expect(await store.head()).toBeGreaterThan(position);
    expect(await lag(store, position, Date.now() + minute)).toBeUndefined();
  });

  test("FND-14: are what a process that only serves is not ready without", async () => {
    const alone = await installation(stack);
    const { url } = await alone.everfold({ ROLES: "api" });
    expectStatus(200, await client(url).get("/ready"));
    const elsewhere = eventStoreDb({ url: alone.eventStore.url });
    onTestFinished(() => elsewhere.close());
    await write(Date.now() - minute, elsewhere);
    const down = async () => {
      const { status, body } = await client(url).get("/ready");
      return status === 503 ? body.error.details.dependencies : [];
    };
    const behind = { name: "projections", status: "down", reason: "lag behind" };
    await expect.poll(down, { timeout: 10_000 }).toContainEqual(behind);
  });
});

test("FND-14: a parked event is told, and takes nobody's service away", async () => {
  const alone = await installation(stack);
  const { url } = await alone.everfold();
  await rowsOf(
    alone,
    `insert into runtime.parked_events (projection, version, stream, position, event_id, type, error)
     values ('users', 1, 'user-1', 1, gen_random_uuid(), 'UserRegistered', 'it cannot be applied')`,
  );
  const reasons = async () =>
    expectStatus(200, await client(url).get("/ready")).dependencies.map(({ reason }: { reason: unknown }) => reason);
  await expect.poll(reasons).toContain("some events could not be applied and are parked");
});

test("FND-14: so is one that a reaction could not deal with", async () => {
  const alone = await installation(stack);
  const { url } = await alone.everfold();
  const elsewhere = eventStoreDb({ url: alone.eventStore.url });
  stack.defer(() => elsewhere.close());
  const leaving = new AbortController();
  const over = elsewhere.groups.join(
    { name: "renaming", types: ["WorkspaceRenamed"] },
    {
      inHandMax: 1,
      signal: leaving.signal,
      onJoined: () => undefined,
      handle: async () => ({ parked: "a test wants it so" }),
    },
  );
  await write(Date.now(), elsewhere);
  const reasons = async () =>
    expectStatus(200, await client(url).get("/ready")).dependencies.map(({ reason }: { reason: unknown }) => reason);
  await expect
    .poll(reasons, { timeout: 10_000 })
    .toContain("some events that reactions could not deal with are parked");
  leaving.abort();
  await over;
});

describe("asked by anybody, however often", () => {
  test("is answered over the connections there are, and asks for migrations no more once none is pending", async () => {
    const alone = await installation(stack);
    const { url } = await alone.everfold();
    expectStatus(200, await client(url).get("/ready"));
    const name = new URL(alone.database.url).pathname.slice(1);
    const server = { ...alone, database: { ...alone.database, url: inject("postgresUrl") } };
    await rowsOf(server, `alter database "${name}" allow_connections false`);
    const answers = await Promise.all(Array.from({ length: 50 }, () => client(url).get("/ready")));
    await rowsOf(server, `alter database "${name}" allow_connections true`);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  });

  test("a dependency is asked once for all at the same time and for those within a second after", async () => {
    let now = 0;
    let asked = 0;
    const answers: PromiseWithResolvers<number>[] = [];
    const ask = shared(
      () => {
        asked += 1;
        const answer = Promise.withResolvers<number>();
        answers.push(answer);
        return answer.promise;
      },
      () => now,
    );
    const first = [ask(), ask()];
    now = 5_000;
    first.push(ask());
    answers[0]?.resolve(1);
    expect(await Promise.all(first)).toEqual([1, 1, 1]);
    now = 5_999;
    expect(await ask()).toBe(1);
    now = 6_000;
    const next = [ask(), ask()];
    answers[1]?.reject(new Error("away"));
    expect((await Promise.allSettled(next)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(asked).toBe(2);
  });
});
