import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Credentials, EventStoreDBClient } from "@eventstore/db-client";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { startEventStore } from "../../../src/embedded/eventStore.ts";

/*
 * The contract between an event store and its clients, one test a fact. The tests speak through the official client
 * alone, so they hold for any server: the one that EVENTSTORE_URL names (23.10 or later, one node or a cluster), or an
 * embedded store that each file starts for itself. What they need of each other and of a server:
 *
 * - Every stream and group has a name of its own (`freshName`), for a server may serve several files and runs.
 * - `$all` holds what others wrote, before and meanwhile: start from a position of your own, look at your own streams.
 * - Positions are opaque: they may be compared, never counted with. Where two servers may rightly differ, a test
 *   states what both promise.
 * - What goes on costing the server something, as groups do, is removed when the test has finished.
 * - Nothing waits for time to pass: `soon` bounds the wait for a condition.
 *
 *   const under = serverUnderTest();
 *   test("…", async () => { await under.client.appendToStream(freshName("order"), numbered(1)); });
 */

const givenUrl = process.env["EVENTSTORE_URL"];

/** Whether the server is the file's own: what would disturb others, or is true of an empty store alone, needs that. */
export const isOwnServer = givenUrl === undefined;

type ServerUnderTest = {
  /** A connection string. */
  readonly url: string;
  /** The client that all tests of the file share. */
  readonly client: EventStoreDBClient;
  /** What the connection string logs in with. A call that has credentials of its own is made alone, never batched. */
  readonly credentials: Credentials;
  /** A client of the test's own, with more parameters in its connection string, let go of with the test. */
  connect(parameters?: Readonly<Record<string, string>>): EventStoreDBClient;
};

/** To be called once in a file, outside of its tests; what it gives is there as soon as the tests run. */
export function serverUnderTest(): ServerUnderTest {
  let url = "";
  let client: EventStoreDBClient | undefined;
  const letGo = new AsyncDisposableStack();

  beforeAll(async () => {
    url = givenUrl ?? (await startEmbedded(letGo));
    const shared = EventStoreDBClient.connectionString(url);
    letGo.defer(() => shared.dispose());
    client = shared;
  });
  afterAll(() => letGo.disposeAsync());

  return {
    get url() {
      return url;
    },
    get client() {
      if (client === undefined) throw new Error("The client is there for tests and hooks alone.");
      return client;
    },
    get credentials() {
      return credentialsIn(url);
    },
    connect(parameters = {}) {
      const own = EventStoreDBClient.connectionString(withParameters(url, parameters));
      onTestFinished(() => own.dispose());
      return own;
    },
  };
}

async function startEmbedded(letGo: AsyncDisposableStack): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "everfold-contract-"));
  letGo.defer(() => rm(directory, { recursive: true, force: true }));
  const store = await startEventStore({ directory });
  letGo.defer(() => store.stop());
  return store.url;
}

// Such a URL may name several hosts, which the platform's own URL does not allow.
function withParameters(url: string, parameters: Readonly<Record<string, string>>): string {
  const more = new URLSearchParams(parameters).toString();
  if (more === "") return url;
  return `${url}${url.includes("?") ? "&" : "?"}${more}`;
}

/** Without encryption the client keeps credentials to itself, so those every new server knows will do. */
function credentialsIn(url: string): Credentials {
  const [, username = "admin", password = "changeit"] = /^[^:]+:\/\/([^:@/]+):([^@/]+)@/.exec(url) ?? [];
  return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
}

/** A name for a stream or a group that nothing else has, in this run or another, on this server or another. */
export const freshName = (category = "order"): string => `${category}-${randomUUID()}`;

/** For `expect.poll`: what is bound to happen, bounded far above what it takes. */
export const soon = { timeout: 20_000, interval: 5 };
