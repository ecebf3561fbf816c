import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { EventStoreDBClient, StreamNotFoundError } from "@eventstore/db-client";
import { expect, test } from "vitest";
import { startEventStore } from "../../../src/embedded/eventStore.ts";
import {
  clientOf,
  directoryOfTest,
  type Numbered,
  numbered,
  numberedUpTo,
  numbersOf,
  soon,
  startedStore,
} from "./storeUnderTest.ts";

const temporaryFolders = (): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith("everfold-eventstore-"));

test("events in memory are appended, refused, read and followed like others, and gone with the store", async () => {
  const first = await startEventStore({ memory: true });
  const client = clientOf(first);
  await client.appendToStream("short-lived", numberedUpTo(500));
  await expect(client.appendToStream("short-lived", numbered(0), { expectedRevision: 7n })).rejects.toMatchObject({
    type: "wrong-expected-version",
  });
  await client.appendToStream("short-lived", numbered(500), { expectedRevision: 499n });
  expect(await numbersOf(client.readStream<Numbered>("short-lived"))).toHaveLength(501);
  let seen = 0;
  for await (const _ of client.subscribeToStream("short-lived")) {
    seen += 1;
    if (seen === 501) break;
  }
  await first.stop();

  const next = await startedStore({ memory: true });
  await expect(numbersOf(clientOf(next).readStream<Numbered>("short-lived"))).rejects.toThrow(StreamNotFoundError);
});

test("a store in memory writes nothing into the folder it may be given", async () => {
  const directory = directoryOfTest();
  const store = await startEventStore({ memory: true, directory, access: "insecure" });
  await clientOf(store).appendToStream("nowhere", numbered(1));
  await store.stop();
  expect(readdirSync(directory)).toEqual([]);
});

test("a store in memory that died stays away, instead of coming back empty, and says so once", async () => {
  const reasons: string[] = [];
  const store = await startEventStore({ memory: true, onFailure: ({ message }) => void reasons.push(message) });
  const client = clientOf(store);
  await client.appendToStream("lost", numbered(1));
  process.kill(store.pid, "SIGKILL");
  await expect.poll(() => reasons, soon).toHaveLength(1);
  expect(reasons[0]).toMatch(/ended with SIGKILL\. Its events were in memory alone: it is not started again\.$/);
  await expect(client.tombstoneStream("lost")).rejects.toMatchObject({ type: "unavailable" });
  await store.stop();
  expect(reasons).toHaveLength(1);
});

test("two stores in memory know nothing of each other", async () => {
  await using one = await startEventStore({ memory: true });
  await using other = await startEventStore({ memory: true });
  await clientOf(one).appendToStream("mine", numbered(1));
  await expect(numbersOf(clientOf(other).readStream<Numbered>("mine"))).rejects.toThrow(StreamNotFoundError);
});

test("a store is stopped where the scope that holds it ends, and leaves no temporary folder behind", async () => {
  const before = temporaryFolders();
  let url: string;
  {
    await using store = await startEventStore({ memory: true, access: "tls" });
    url = store.url;
    expect(url).toContain(tmpdir());
  }
  const [, folder = ""] = /tlsCAFile=.*\/(everfold-eventstore-\w+)\//.exec(url) ?? [];
  expect(folder).not.toBe("");
  expect(before).not.toContain(folder);
  expect(temporaryFolders()).not.toContain(folder);
  expect(() => EventStoreDBClient.connectionString(url)).toThrow(/certificate/);
});
