import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EventStoreDBClient, jsonEvent } from "@eventstore/db-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { creditLedger } from "../src/domain/credits/creditLedger.ts";
import { exportToFile, importInto, verify } from "../src/eventstore/copy/copying.ts";
import { filePlace } from "../src/eventstore/copy/filePlace.ts";
import { endOf, storePlace } from "../src/eventstore/copy/storePlace.ts";
import { folder, type OwnStore, ownStore, storeAt } from "./eventstore/copy/stores.ts";
import { type Client, client, expectStatus, newWorkspace, type SignedIn, signedIn } from "./support/client.ts";
import { type Installation, installation, masterKey } from "./support/everfold.ts";
import { rowsOf } from "./support/stored.ts";

/*
 * One database, and event stores that it belongs to and does not belong to: the one that Everfold began with, the one
 * its events are moved to, and an older copy that others have written to since.
 */
const stack = new AsyncDisposableStack();
let everfold: Installation;
let moved: OwnStore;
let older: OwnStore;
let directory: string;
let ada: SignedIn;
let workspace: string;
let credentialId: string;
/** What was answered before the move. */
let answers: unknown[];

const ledgerOf = (stream: string) =>
  stream.startsWith(`${creditLedger.category}-`) ? stream.slice(creditLedger.category.length + 1) : undefined;
const how = { ledgerOf, onStep: () => () => undefined };
const placeOf = ({ store }: OwnStore, until?: bigint) =>
  storePlace(store.name, store.connection, until === undefined ? {} : { until });

const debit = (api: Client, key: string) => {
  const body = { amount: 10, description: "Enrich 10 companies" };
  const options = { token: ada.accessToken, headers: { "idempotency-key": key } };
  return api.post(`/workspaces/${workspace}/billing/debits`, body, options);
};
const answered = async (api: Client): Promise<unknown[]> => {
  const paths = ["billing", "billing/transactions", "billing/events", "credentials", "members", ""];
  const found = await Promise.all(
    paths.map((path) => api.get(`/workspaces/${workspace}/${path}`.replace(/\/$/, ""), { token: ada.accessToken })),
  );
  return found.map(({ status, body }) => [status, body.data ?? withoutPositions(body)]);
};
const withoutPositions = (lines: unknown) => String(lines).replaceAll(/"position":"\d+"/g, "");

beforeAll(async () => {
  [everfold, directory, moved, older] = await Promise.all([
    installation(stack),
    folder(stack),
    ownStore(stack, "the new store"),
    ownStore(stack, "the older copy"),
  ]);
  const first = EventStoreDBClient.connectionString(everfold.eventStore.url);
  // Streams of the server's own stay behind: positions in the copy are others.
  await first.appendToStream("$settings", [
    jsonEvent({ type: "$set", data: {} }),
    jsonEvent({ type: "$set", data: {} }),
  ]);
  await first.dispose();
  const before = await everfold.everfold();
  const api = client(before.url);
  ada = await signedIn(api);
  workspace = await newWorkspace(api, ada, 1_000);
  const source = await storeAt(stack, everfold.eventStore, "the first store");
  const half = await endOf(source.store.connection, "the first store");
  for (const key of ["run-1", "run-2"]) expectStatus(201, await debit(api, key));
  const secret = { providerName: "openai", key: "sk-live-2f9c81d07a" };
  credentialId = expectStatus(
    201,
    await api.post(`/workspaces/${workspace}/credentials`, secret, { token: ada.accessToken }),
  ).id;
  answers = await answered(api);
  await before.stop();

  await importInto(placeOf(source, half), older.store, how);
  await Promise.all(
    Array.from({ length: 30 }, () =>
      older.client.appendToStream(`jar-${randomUUID()}`, jsonEvent({ type: "JarOpened", data: {} })),
    ),
  );
  const file = join(directory, "events.ndjson");
  await exportToFile(source.store, file, how);
  await importInto(filePlace(file), moved.store, how);
  const { chains } = await verify(filePlace(file), placeOf(moved), how);
  expect(chains).toEqual({ ledgers: 1, broken: undefined });
});
afterAll(() => stack.disposeAsync());

const rebuild = async (eventStoreUrl: string, ...names: string[]) => {
  const entry = fileURLToPath(new URL("../src/rebuild.ts", import.meta.url));
  const env = {
    PATH: process.env["PATH"],
    DATA_DIR: join(directory, randomUUID()),
    EVENTSTORE_URL: eventStoreUrl,
    DATABASE_URL: everfold.database.url,
    ENCRYPTION_MASTER_KEY: masterKey,
  };
  const child = spawn(process.execPath, [entry, ...names], {
    cwd: directory,
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (text) => {
    errors += text;
  });
  const [code] = await once(child, "close");
  return { code, errors };
};

test("DR-12: Everfold does not start on an event store that its database does not belong to", async () => {
  const start = everfold.everfold({ EVENTSTORE_URL: moved.server.url });
  await expect(start).rejects.toThrow(/has come to .*, (but|and) the event store .*: npm run rebuild$/);
});

test("DR-12: nor on an older copy that has gone on beyond where the database is", async () => {
  const start = everfold.everfold({ EVENTSTORE_URL: older.server.url });
  await expect(start).rejects.toThrow("an older copy that has gone on since");
});

test("DR-12: nor on one that is empty", async () => {
  const empty = await ownStore(stack, "an empty store");
  await expect(everfold.everfold({ EVENTSTORE_URL: empty.server.url })).rejects.toThrow(
    "it is another one, or an older copy",
  );
});

test("a single read model is not rebuilt from an event store that the others do not belong to", async () => {
  expect(await rebuild(moved.server.url, "billing")).toMatchObject({
    code: 1,
    errors: expect.stringContaining("All projections have to be rebuilt"),
  });
});

test("it still starts where it belongs", async () => {
  const again = await everfold.everfold();
  expect(await answered(client(again.url))).toEqual(answers);
  await again.stop();
});

test("rebuilt from the new store, everything is answered as before, repeated as before, and goes on", async () => {
  expect(await rebuild(moved.server.url)).toMatchObject({ code: 0 });
  const after = await everfold.everfold({ EVENTSTORE_URL: moved.server.url });
  const api = client(after.url);
  expect(await answered(api)).toEqual(answers);
  const repeated = await debit(api, "run-2");
  expect(repeated.headers.get("idempotency-hit")).toBe("true");
  expect(expectStatus(201, repeated).balance).toBe(980);
  expect(expectStatus(201, await debit(api, "run-3")).balance).toBe(970);
  const billing = await api.get(`/workspaces/${workspace}/billing`, { token: ada.accessToken });
  expect(expectStatus(200, billing)).toMatchObject({ creditBalance: 970 });

  expectStatus(
    200,
    await api.delete(`/workspaces/${workspace}/credentials/${credentialId}`, { token: ada.accessToken }),
  );
  const keys = () =>
    rowsOf(everfold, "select from vault.subject_keys where subject_id = $1 and wrapped_key is not null", [
      credentialId,
    ]);
  await expect.poll(async () => (await keys()).length, { timeout: 30_000 }).toBe(0);
  await after.stop();
});

test("DR-12: and the store it was moved from is refused from then on", async () => {
  await expect(everfold.everfold()).rejects.toThrow("npm run rebuild");
});
