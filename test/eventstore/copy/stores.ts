import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventStoreDBClient, jsonEvent } from "@eventstore/db-client";
import { type EmbeddedEventStore, startEventStore } from "../../../src/embedded/eventStore.ts";
import { connectTo } from "../../../src/eventstore/connection.ts";
import type { Store } from "../../../src/eventstore/copy/copying.ts";

/** A store of its own, with a client of it and what a copy needs. */
export type OwnStore = { server: EmbeddedEventStore; client: EventStoreDBClient; store: Store };

/** A copy that nobody watches, of a store without ledgers. */
export const how = { ledgerOf: () => undefined, onStep: () => () => undefined };

/** A folder that goes with `stack`. */
export const folder = async (stack: AsyncDisposableStack): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), "everfold-copy-"));
  stack.defer(() => rm(path, { recursive: true, force: true }));
  return path;
};

export const ownStore = async (stack: AsyncDisposableStack, name: string): Promise<OwnStore> => {
  const server = await startEventStore({ directory: await folder(stack) });
  stack.defer(() => server.stop());
  return storeAt(stack, server, name);
};

/** The same for a store that somebody else stops. */
export const storeAt = async (
  stack: AsyncDisposableStack,
  server: EmbeddedEventStore,
  name: string,
): Promise<OwnStore> => {
  const client = EventStoreDBClient.connectionString(server.url);
  stack.defer(() => client.dispose());
  const connection = connectTo(server.url, { appendTimeoutMs: 10_000 });
  stack.defer(() => connection.close());
  return { server, client, store: { name, connection } };
};

const filledAtOnce = 100;

/** So many events of a kilobyte, one after the other into several streams. */
export const fill = async ({ client }: OwnStore, count: number): Promise<void> => {
  const padding = "x".repeat(1_000);
  const append = (n: number) =>
    client.appendToStream(`order-${n % 7}`, jsonEvent({ type: "Numbered", data: { n, padding } }));
  for (let from = 0; from < count; from += filledAtOnce)
    await Promise.all(Array.from({ length: Math.min(filledAtOnce, count - from) }, (_, n) => append(from + n)));
};
