import { randomUUID } from "node:crypto";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startEventStore } from "../../src/embedded/eventStore.ts";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import { type NewEvent, noStream } from "../../src/eventstore/store.ts";
import { systemMetadata } from "../support/metadata.ts";

const soon = { timeout: 20_000, interval: 20 };

const storeOfTest = async () => {
  const directory = await mkdtemp(join(tmpdir(), "everfold-encrypted-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const server = await startEventStore({ directory, access: "tls" });
  onTestFinished(() => server.stop());
  const store = eventStoreDb({ url: server.url });
  onTestFinished(() => store.close());
  return { directory, server, store };
};

const drawn = (): NewEvent => ({
  id: randomUUID(),
  type: "NumberDrawn",
  data: { number: 1 },
  metadata: systemMetadata(),
});

test("an event store with TLS and a password is appended to and read, also after it was killed", async () => {
  const { server, store } = await storeOfTest();
  await store.append("draw-1", [drawn()], noStream);
  const killed = server.pid;
  process.kill(killed, "SIGKILL");
  await expect.poll(() => server.pid, soon).not.toBe(killed);
  const appendAgain = () => store.append("draw-2", [drawn()], noStream).catch(String);
  await expect.poll(appendAgain, soon).toMatchObject({ revision: 0n });
  expect(await Array.fromAsync(store.read("draw-1"))).toHaveLength(1);
});

test("a certificate whose file went away is gone on with", async () => {
  const { directory, server } = await storeOfTest();
  const file = join(directory, "copy.pem");
  await copyFile(join(directory, "tls", "certificate.pem"), file);
  const store = eventStoreDb({ url: server.url.replace(/tlsCAFile=.*$/, `tlsCAFile=${file}`) });
  onTestFinished(() => store.close());
  const head = await store.head();
  await rm(file);
  const killed = server.pid;
  process.kill(killed, "SIGKILL");
  await expect.poll(() => server.pid, soon).not.toBe(killed);
  await expect.poll(() => store.head().catch(String), soon).toBe(head);
});
