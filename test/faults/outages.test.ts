import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startEventStore } from "../../src/embedded/eventStore.ts";
import { startPostgres } from "../../src/embedded/postgres.ts";
import { type Answer, type Client, client, expectStatus, type SignedIn, signedIn } from "../support/client.ts";
import { dataDirectory, everfoldProcess } from "../support/process.ts";
import { signalAll, treeOf } from "../support/processTree.ts";
import { isUnavailable, newWallet, reconcile, sendDebit, type Wallet } from "./debits.ts";

/** No request hangs longer than this, whatever is away. */
const answerWithinMs = 25_000;
const backWithinMs = 30_000;

const stack = new AsyncDisposableStack();
let eventStore: Backend;
let postgres: Backend;
let api: Client;
let ada: SignedIn;
let wallet: Wallet;

beforeAll(async () => {
  const DATA_DIR = await dataDirectory(stack);
  eventStore = await backend(`${DATA_DIR}-eventstore`, startEventStore);
  postgres = await backend(`${DATA_DIR}-postgres`, startPostgres);
  const everfold = await everfoldProcess(stack, {
    DATA_DIR,
    EVENTSTORE_URL: eventStore.url,
    DATABASE_URL: postgres.url,
    DATABASE_STATEMENT_TIMEOUT_MS: "2000",
  });
  api = client(everfold.url);
  ada = await signedIn(api);
  wallet = await newWallet(api, ada);
  await reconcile(api, ada, wallet);
});
afterAll(() => stack.disposeAsync());

type Backend = {
  url: string;
  /** Its processes end, and come back on the same port. */
  end(): Promise<void>;
  begin(): Promise<void>;
  /** Its processes stay and take connections, and answer nothing until they go on. */
  freeze(): void;
  goOn(): void;
};
type Server = { url: string; stop(): Promise<void> };

const backend = async (
  directory: string,
  start: (options: { directory: string; port?: number }) => Promise<Server>,
): Promise<Backend> => {
  let server = await start({ directory });
  let isRunning = true;
  const { url } = server;
  const port = Number(new URL(url).port);
  const goOn = () => signalAll(treeOf(undefined, directory).pids, "SIGCONT");
  stack.defer(async () => {
    goOn();
    await server.stop();
  });
  return {
    url,
    end: async () => {
      isRunning = false;
      await server.stop();
    },
    begin: async () => {
      if (!isRunning) server = await start({ directory, port });
      isRunning = true;
    },
    freeze: () => signalAll(treeOf(undefined, directory).pids, "SIGSTOP"),
    goOn,
  };
};

const bounded = (answer: Promise<Answer>): Promise<Answer> => {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${answerWithinMs} ms`)), answerWithinMs);
  return Promise.race([answer, late.promise]).finally(() => clearTimeout(timer));
};

const read = (path: string) => bounded(api.getOnce(path, { token: ada.accessToken }));
const readBilling = (part = "") => read(`/workspaces/${wallet.workspaceId}/billing${part}`);

/** Whatever it is answered with, it may have been carried out. */
const debit = async (): Promise<Answer> => {
  const one = { reference: randomUUID(), amount: 1 };
  wallet.sent.set(one.reference, one);
  const answer = await bounded(sendDebit(api, ada, wallet.workspaceId, one));
  if (answer.status === 201) wallet.acknowledged.set(answer.body.data.transaction.id, one);
  return answer;
};

const register = () => {
  const email = `${randomUUID()}@example.com`;
  return bounded(api.post("/auth/register", { email, password: "correct horse battery", name: "Bob" }));
};

/** What `/ready` says is down; nothing when it says that all is well. */
const down = async (): Promise<string[]> => {
  const { status, body } = await bounded(api.get("/ready"));
  const dependencies: { name: string; status: string }[] =
    status === 200 ? body.data.dependencies : body.error.details.dependencies;
  const names = dependencies.filter((each) => each.status === "down").map(({ name }) => name);
  expect(status).toBe(names.length > 0 ? 503 : 200);
  return names;
};

const isHealthy = async () => (await bounded(api.get("/health"))).status === 200;

/** With the answer where it is another one. */
const expectUnavailable = (answer: Answer) =>
  expect(isUnavailable(answer) ? "unavailable" : answer).toBe("unavailable");

const expectRecovery = async () => {
  await expect.poll(down, { timeout: backWithinMs }).toEqual([]);
  for (const answer of await reads()) expectStatus(200, answer);
  expectStatus(201, await debit());
  await reconcile(api, ada, wallet);
};

const reads = () => Promise.all([readBilling(), readBilling("/transactions"), read("/workspaces"), read("/auth/me")]);

const withoutEventStore = async () => {
  await expect.poll(down, { timeout: backWithinMs }).toContain("eventstore");
  expect(await isHealthy()).toBe(true);
  for (const answer of await reads()) expectStatus(200, answer);
  for (const answer of await Promise.all([debit(), debit(), register()])) expectUnavailable(answer);
  expectUnavailable(await readBilling("/events"));
};

const withoutPostgres = async () => {
  for (const answer of await reads()) expectUnavailable(answer);
  await expect.poll(down, { timeout: backWithinMs }).toContain("postgres");
  expect(await isHealthy()).toBe(true);
  for (const answer of await Promise.all([debit(), debit(), register()]))
    if (answer.status !== 201) expectUnavailable(answer);
  for (const answer of await reads()) expectUnavailable(answer);
  expectStatus(200, await readBilling("/events"));
};

test("while the event store is gone commands are told to come again, and the read models are read", async () => {
  onTestFinished(eventStore.begin);
  await eventStore.end();
  await withoutEventStore();
  await eventStore.begin();
  await expectRecovery();
});

test("while the event store hangs it is the same: nobody waits for ever", async () => {
  onTestFinished(eventStore.goOn);
  eventStore.freeze();
  await withoutEventStore();
  eventStore.goOn();
  await expectRecovery();
});

test("while Postgres is gone reads are told to come again, and the ledger's stream is read", async () => {
  onTestFinished(postgres.begin);
  await postgres.end();
  await withoutPostgres();
  await postgres.begin();
  await expectRecovery();
});

test("while Postgres hangs it is the same: nobody waits for ever", async () => {
  onTestFinished(postgres.goOn);
  postgres.freeze();
  await withoutPostgres();
  postgres.goOn();
  await expectRecovery();
});
