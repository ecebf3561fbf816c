import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { EventStoreDBClient } from "@eventstore/db-client";
import { describe, expect, onTestFinished, test } from "vitest";
import { startEventStore } from "../../../src/embedded/eventStore.ts";
import { spawnStore, urlIn } from "./spawnedStore.ts";
import {
  clientOf,
  directoryOfTest,
  type Numbered,
  numbered,
  numberedUpTo,
  numbersOf,
  startedStore,
} from "./storeUnderTest.ts";

const pageBytes = 4_096;

const databaseIn = (directory: string): string => join(directory, "events.db");

/** A folder that was closed in order, with 1,000 events in each of its streams. */
async function directoryWith(...streams: string[]): Promise<string> {
  const directory = directoryOfTest();
  const store = await startEventStore({ directory });
  const client = clientOf(store);
  for (const stream of streams) await client.appendToStream(stream, numberedUpTo(1_000));
  await store.stop();
  return directory;
}

/** What the files of the database hold; one that is empty holds as much as one that is not there. */
const contentsOf = (directory: string) =>
  readdirSync(directory)
    .filter((name) => name.startsWith("events.db"))
    .map((name) => [name, readFileSync(join(directory, name)).toString("base64")])
    .filter(([name, content]) => name === "events.db" || content !== "");

function overwrite(file: string, offset: number, bytes: Uint8Array): void {
  const descriptor = openSync(file, "r+");
  writeSync(descriptor, bytes, 0, bytes.length, offset);
  closeSync(descriptor);
}

/** Writes over one of the pages that hold the events, the given share of the way through them. */
function ruinPageOfEvents(directory: string, share: number): void {
  const database = new DatabaseSync(databaseIn(directory), { readOnly: true });
  const leaves = database
    .prepare("select pageno from dbstat where name = 'events' and pagetype = 'leaf' order by path")
    .all()
    .map(({ pageno }) => Number(pageno));
  database.close();
  for (const name of ["-wal", "-shm"]) rmSync(databaseIn(directory) + name, { force: true });
  const page = leaves[Math.floor(leaves.length * share)] ?? Number.NaN;
  overwrite(databaseIn(directory), (page - 1) * pageBytes, Buffer.alloc(pageBytes, 0xa5));
}

describe("a store is refused, and its files are left as they are, when its database", () => {
  test.each([
    ["is empty", (file: string) => truncateSync(file, 0)],
    ["is cut off", (file: string) => truncateSync(file, 10 * pageBytes)],
    ["is something else", (file: string) => writeFileSync(file, "not a database ".repeat(10_000))],
    ["has a broken first page", (file: string) => overwrite(file, 100, Buffer.alloc(pageBytes - 100, 0xa5))],
  ])("%s", async (_, damage) => {
    const directory = await directoryWith("order");
    damage(databaseIn(directory));
    const before = contentsOf(directory);
    await expect(startEventStore({ directory })).rejects.toThrow(/events\.db cannot be used/);
    expect(contentsOf(directory)).toEqual(before);
  });

  test("has a broken page among its newest events", async () => {
    const directory = await directoryWith("order");
    ruinPageOfEvents(directory, 0.5);
    await expect(startEventStore({ directory })).rejects.toThrow(/events\.db is damaged/);
  });

  test("is a folder", async () => {
    const directory = directoryOfTest();
    mkdirSync(databaseIn(directory));
    await expect(startEventStore({ directory })).rejects.toThrow(/events\.db cannot be used/);
  });

  test("is missing while its write-ahead log is there", async () => {
    const directory = directoryOfTest();
    writeFileSync(join(directory, "events.db-wal"), "orphan");
    await expect(startEventStore({ directory })).rejects.toThrow(/missing/);
    expect(existsSync(databaseIn(directory))).toBe(false);
  });
});

test("a process that is refused its database says why, and ends with an error", async () => {
  const directory = await directoryWith("order");
  truncateSync(databaseIn(directory), 10 * pageBytes);
  const { ended, errors } = spawnStore(["--dir", directory, "--port", "0"]);
  expect(await ended).toEqual({ code: 1, signal: null });
  expect(errors()).toMatch(/events\.db cannot be used/);
});

describe("a store is refused that may not write", () => {
  const isRoot = process.getuid?.() === 0;

  /** Root is kept from writing by nothing less than a disk that is not written to. */
  function makeUnwritable(directory: string): void {
    if (isRoot) execFileSync("mount", ["-o", "remount,ro", directory]);
    else chmodSync(directory, 0o500);
  }

  const unwritableIn = (): string => {
    const directory = directoryOfTest();
    if (isRoot) {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m", "everfold-test", directory]);
      onTestFinished(() => void execFileSync("umount", [directory]));
    } else onTestFinished(() => chmodSync(directory, 0o700));
    return directory;
  };

  test.runIf(process.platform === "linux").each([
    ["its folder, before it was begun", false],
    ["its database", true],
  ])("%s", async (_, isBegun) => {
    const directory = unwritableIn();
    if (isBegun) await (await startEventStore({ directory })).stop();
    if (isBegun && !isRoot) chmodSync(databaseIn(directory), 0o400);
    makeUnwritable(directory);
    await expect(startEventStore({ directory })).rejects.toThrow(/events\.db cannot be used/);
  });
});

describe("a store whose process was killed is refused, and its files are left as they are, when its log", () => {
  const halfOf = (file: string) => Math.floor(readFileSync(file).length / 2);

  test.each([
    ["is cut", (log: string) => truncateSync(log, halfOf(log))],
    ["is broken in the middle", (log: string) => overwrite(log, halfOf(log), Buffer.alloc(64, 0xa5))],
    ["has a broken beginning", (log: string) => overwrite(log, 0, Buffer.alloc(32, 0xa5))],
    ["is gone", (log: string) => rmSync(log)],
  ])("%s", async (_, damage) => {
    const directory = directoryOfTest();
    const store = await startEventStore({ directory });
    const client = clientOf(store);
    for (let n = 0; n < 20; n += 1) await client.appendToStream("order", numberedUpTo(20));
    process.kill(store.pid, "SIGKILL");
    await store.stop();
    const log = `${databaseIn(directory)}-wal`;
    damage(log);
    const before = contentsOf(directory);
    await expect(startEventStore({ directory })).rejects.toThrow(/although event 401 was acknowledged/);
    expect(contentsOf(directory)).toEqual(before);
  });
});

test("an older database beside a newer record is refused, and served as it is once the record is removed", async () => {
  const directory = await directoryWith("order");
  const older = readFileSync(databaseIn(directory));
  const store = await startEventStore({ directory });
  await clientOf(store).appendToStream("later", numberedUpTo(3));
  await store.stop();
  writeFileSync(databaseIn(directory), older);
  const refused = startEventStore({ directory });
  await expect(refused).rejects.toThrow(/ends with event 1001, although event 1004 was acknowledged.*restore/i);
  await expect(refused).rejects.toThrow(`remove ${databaseIn(directory)}-acknowledged.`);

  rmSync(`${databaseIn(directory)}-acknowledged`);
  const again = await startedStore({ directory });
  const client = clientOf(again);
  expect(await numbersOf(client.readStream<Numbered>("order"))).toHaveLength(1_000);
  await expect(numbersOf(client.readStream<Numbered>("later"))).rejects.toMatchObject({ type: "stream-not-found" });
  expect((await client.appendToStream("later", numberedUpTo(3))).nextExpectedRevision).toBe(2n);
});

test("a damaged page met by a read is refused to its reader and told to the operator, all else goes on", async () => {
  const directory = await directoryWith("damaged", ...Array.from({ length: 21 }, (_, n) => `whole-${n}`));
  ruinPageOfEvents(directory, 1 / 44);
  const { child, ready, ended, errors } = spawnStore(["--dir", directory, "--port", "0"]);
  const client = EventStoreDBClient.connectionString(urlIn(await ready));
  onTestFinished(() => client.dispose());
  for (let reader = 0; reader < 2; reader += 1) {
    await expect(numbersOf(client.readStream<Numbered>("damaged"))).rejects.toMatchObject({ type: "unknown" });
  }
  const subscription = client.subscribeToAll();
  await expect(
    (async () => {
      for await (const _ of subscription);
    })(),
  ).rejects.toMatchObject({ type: "unknown" });
  expect(await numbersOf(client.readStream<Numbered>("whole-7"))).toHaveLength(1_000);
  expect((await client.appendToStream("whole-7", numbered(1_000))).success).toBe(true);
  child.kill("SIGTERM");
  expect(await ended).toEqual({ code: 0, signal: null });
  expect(errors()).toMatch(/events\.db is damaged/);
});
