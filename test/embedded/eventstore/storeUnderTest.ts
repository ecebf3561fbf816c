import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventStoreDBClient } from "@eventstore/db-client";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { type EmbeddedEventStore, type EventStoreOptions, startEventStore } from "../../../src/embedded/eventStore.ts";

export { type Numbered, numbered, numberedUpTo, numberIn, numbersOf } from "../../eventstore/contract/numbered.ts";

export const freshDirectory = (): string => mkdtempSync(join(tmpdir(), "everfold-eventstore-"));

export const removeDirectory = (directory: string): void => rmSync(directory, { recursive: true, force: true });

/** For `expect.poll`: what is bound to happen, bounded far above what it takes. */
export const soon = { timeout: 20_000, interval: 10 };

/** A folder that is removed with the test. */
export function directoryOfTest(): string {
  const directory = freshDirectory();
  onTestFinished(() => removeDirectory(directory));
  return directory;
}

/** A store that is stopped with the test. */
export async function startedStore(options: EventStoreOptions): Promise<EmbeddedEventStore> {
  const store = await startEventStore(options);
  onTestFinished(() => store.stop());
  return store;
}

export const portOf = ({ url }: Pick<EmbeddedEventStore, "url">): number =>
  Number(new URL(url.replace("esdb:", "http:")).port);

/** One store in its own folder for all tests of a file, and a client of it. */
export function storeUnderTest() {
  const directory = freshDirectory();
  let store: EmbeddedEventStore;
  let client: EventStoreDBClient;
  beforeAll(async () => {
    store = await startEventStore({ directory });
    client = EventStoreDBClient.connectionString(store.url);
  });
  afterAll(async () => {
    await client?.dispose();
    await store?.stop();
    removeDirectory(directory);
  });
  return {
    directory,
    get store() {
      return store;
    },
    get client() {
      return client;
    },
  };
}

export const clientOf = ({ url }: EmbeddedEventStore): EventStoreDBClient => clientAt(url);

/** A client that is let go of with the test. */
export function clientAt(url: string): EventStoreDBClient {
  const client = EventStoreDBClient.connectionString(url);
  onTestFinished(() => client.dispose());
  return client;
}

let streams = 0;

/** A name no other test uses. */
export const freshStream = (category = "order"): string => {
  streams += 1;
  return `${category}-${streams}`;
};
