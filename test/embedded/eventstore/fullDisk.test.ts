import { execFileSync, spawnSync } from "node:child_process";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binaryEvent, START } from "@eventstore/db-client";
import { expect, onTestFinished, test } from "vitest";
import { type EmbeddedEventStore, startEventStore } from "../../../src/embedded/eventStore.ts";
import { everythingIn } from "./storedEvents.ts";
import {
  clientOf,
  directoryOfTest,
  type Numbered,
  numberedUpTo,
  numbersOf,
  soon,
  startedStore,
} from "./storeUnderTest.ts";

const isLinux = process.platform === "linux";
const megabyte = 1_000_000;

/** Somewhere to store, where room can be taken away and given back. */
type Room = {
  readonly directory: string;
  take(store: EmbeddedEventStore): void;
  giveBack(store: EmbeddedEventStore): void;
};

/** Room that ends for one process alone, as a quota does: its files may not grow beyond a size. */
function limited(): Room {
  const directory = directoryOfTest();
  const limit = ({ pid }: EmbeddedEventStore, bytes: string) =>
    execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:`]);
  return {
    directory,
    take: (store) => limit(store, String(statSync(join(directory, "events.db-wal")).size + megabyte)),
    giveBack: (store) => limit(store, "unlimited"),
  };
}

/** A disk of its own, which something else fills. */
function smallDisk(): Room {
  const directory = directoryOfTest();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=48m", "everfold-test", directory]);
  onTestFinished(() => void execFileSync("umount", [directory]));
  const filler = join(directory, "filler");
  return {
    directory,
    take: () => {
      // It ends with an error when there is no more room.
      spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=64K"]);
    },
    giveBack: () => rmSync(filler),
  };
}

const scanned = () => binaryEvent({ type: "Scanned", data: Buffer.alloc(50_000) });

test.runIf(isLinux).for([
  ["may grow no further", limited],
  ["is full", smallDisk],
] as const)(
  "while its disk %s, the store refuses appends whole, serves readers and goes on when there is room",
  async ([, makeRoom], { skip }) => {
    skip(makeRoom === smallDisk && process.getuid?.() !== 0, "only root can make a disk");
    const room = makeRoom();
    const store = await startedStore({ directory: room.directory });
    const { pid } = store;
    const client = clientOf(store);
    const refusedTo = clientOf(store);
    await client.appendToStream("before", numberedUpTo(500));
    const live: string[] = [];
    const subscription = client.subscribeToAll({ fromPosition: START });
    subscription.on("data", ({ event }) => event !== undefined && live.push(event.id));
    onTestFinished(() => subscription.unsubscribe());

    room.take(store);
    const appends = Array.from({ length: 100 }, () => [scanned(), scanned()]);
    const answers = await Promise.allSettled(
      appends.map((events, n) => refusedTo.appendToStream(`scans-${n % 7}`, events)),
    );
    const refused = answers.filter((answer) => answer.status === "rejected");
    expect(refused.length).toBeGreaterThan(0);
    for (const { reason } of refused) expect(reason).toMatchObject({ type: "unknown" });
    expect(await numbersOf(client.readStream<Numbered>("before"))).toHaveLength(500);

    room.giveBack(store);
    await Promise.all(appends.map((events, n) => refusedTo.appendToStream(`scans-${n % 7}`, events)));
    expect(store.pid).toBe(pid);
    const all = await everythingIn(client);
    const stored = all.filter(({ stream }) => stream.startsWith("scans-")).map(({ id }) => id);
    expect(stored.toSorted()).toEqual(appends.flatMap((events) => events.map(({ id }) => id)).toSorted());
    await expect.poll(() => live.length, soon).toBe(all.length);
    expect(live).toEqual(all.map(({ id }) => id));
  },
);

test.runIf(isLinux && process.getuid?.() === 0)(
  "a store that is started on a full disk serves what it has",
  async () => {
    const room = smallDisk();
    const first = await startEventStore({ directory: room.directory });
    await clientOf(first).appendToStream("before", numberedUpTo(500));
    await first.stop();
    writeFileSync(join(room.directory, "small"), "");
    room.take(first);
    execFileSync("sh", ["-c", `cat /dev/zero > ${join(room.directory, "small")} || true`], { stdio: "ignore" });
    const again = await startedStore({ directory: room.directory });
    expect(await numbersOf(clientOf(again).readStream<Numbered>("before"))).toHaveLength(500);
    await expect(clientOf(again).appendToStream("more", scanned())).rejects.toMatchObject({ type: "unknown" });
  },
);

test.runIf(isLinux && process.getuid?.() === 0)(
  "a store is not begun on a full disk, and is once there is room",
  async () => {
    const room = smallDisk();
    execFileSync("sh", ["-c", `cat /dev/zero > ${join(room.directory, "small")} || true`], { stdio: "ignore" });
    await expect(startEventStore({ directory: room.directory })).rejects.toThrow(/full|no space/i);
    rmSync(join(room.directory, "small"));
    const store = await startedStore({ directory: room.directory });
    expect((await clientOf(store).appendToStream("first", numberedUpTo(1))).success).toBe(true);
  },
);
