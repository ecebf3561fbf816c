import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startEventStore } from "../../src/embedded/eventStore.ts";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import { systemMetadata } from "../support/metadata.ts";

test("reads that are given up half-way do not keep the connection from closing", async () => {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "everfold-given-up-"));
  stack.defer(() => rm(directory, { recursive: true }));
  const server = await startEventStore({ directory });
  stack.defer(() => server.stop());
  const store = eventStoreDb({ url: server.url });
  const events = Array.from({ length: 200 }, () => {
    return { id: randomUUID(), type: "Noted", data: {}, metadata: systemMetadata() };
  });
  await store.append("note-1", events, -1n);

  for (let round = 0; round < 20; round += 1) {
    for await (const { revision } of store.read("note-1")) {
      expect(revision).toBe(0n);
      break;
    }
    await store.head();
  }
  await store.close();
});

test("streams that are not there can be looked for by the thousand, on one connection", async () => {
  await using stack = new AsyncDisposableStack();
  const server = await startEventStore({ memory: true });
  stack.defer(() => server.stop());
  const store = eventStoreDb({ url: server.url });
  stack.defer(() => store.close());
  const lookingFor = async () => {
    for (let stream = 0; stream < 200; stream += 1)
      expect(await Array.fromAsync(store.read(`note-${randomUUID()}`))).toEqual([]);
  };
  await Promise.all(Array.from({ length: 16 }, lookingFor));
});
