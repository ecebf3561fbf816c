import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddedEventStore, startEventStore } from "../../src/embedded/eventStore.ts";
import type { Checkpoint } from "../../src/eventstore/checkpoints.ts";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import { refuseForeign } from "../../src/eventstore/foreignCheckpoints.ts";
import { type NewEvent, noStream, type StoredEvent } from "../../src/eventstore/store.ts";
import { systemMetadata } from "../support/metadata.ts";

let directory: string;
let server: EmbeddedEventStore;
let store: ReturnType<typeof eventStoreDb>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "everfold-foreign-"));
  server = await startEventStore({ directory });
  store = eventStoreDb({ url: server.url });
});
afterAll(async () => {
  await store.close();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

const drawn = (): NewEvent => ({ id: randomUUID(), type: "NumberDrawn", data: {}, metadata: systemMetadata() });

const written = async (): Promise<StoredEvent> => {
  const stream = `draw-${randomUUID()}`;
  await store.append(stream, [drawn()], noStream);
  const event = await store.last(stream);
  if (event === undefined) throw new Error("what was appended is not there");
  return event;
};

const checkpoint = (position: bigint, last: StoredEvent | undefined): Checkpoint => ({
  subscriber: "draws",
  version: 1,
  generation: 0,
  position,
  last,
});

/** Passed by whoever follows all streams, and shown to nobody. */
const writeHidden = () => store.append(`$persistentsubscription-$all::${randomUUID()}-parked`, [drawn()], noStream);

test("DR-12: a store that ends with events of its own is still the one its checkpoints are of", async () => {
  const last = await written();
  await writeHidden();
  expect(await store.head()).toBe(last.position);
  await refuseForeign(store, [checkpoint(last.position + 1n, last)]);
});

test("DR-12: a store that lacks the last event is refused, whether it ends before or has another there", async () => {
  const last = await written();
  const lost = { ...last, revision: 1n, id: randomUUID(), position: last.position + 1n };
  const refusal = "does not have that event there";
  await expect(refuseForeign(store, [checkpoint(lost.position, lost)])).rejects.toThrow(refusal);
  const replaced = { ...last, id: randomUUID() };
  await expect(refuseForeign(store, [checkpoint(last.position, replaced)])).rejects.toThrow(refusal);
});

test("DR-12: a store that ends before a checkpoint without an event is refused", async () => {
  const { position } = await written();
  await refuseForeign(store, [checkpoint(position, undefined)]);
  await expect(refuseForeign(store, [checkpoint(position + 1n, undefined)])).rejects.toThrow("the event store ends at");
});
