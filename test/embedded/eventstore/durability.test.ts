import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NO_STREAM, START } from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { startEventStore } from "../../../src/embedded/eventStore.ts";
import { everythingIn, isUnavailable } from "./storedEvents.ts";
import {
  clientOf,
  directoryOfTest,
  freshStream,
  type Numbered,
  numbered,
  numberedUpTo,
  numbersOf,
  portOf,
  soon,
  startedStore,
} from "./storeUnderTest.ts";

/** The same call again until the server that died is back; every repeat carries the same event ids. */
const untilAnswered = async <T>(call: () => Promise<T>): Promise<T> => {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
};

describe("after an orderly restart", () => {
  test("everything is there: events, order, metadata, deletions and the revisions to go on from", async () => {
    const directory = directoryOfTest();
    const first = await startedStore({ directory });
    const client = clientOf(first);
    const repeated = numbered(4);
    await client.appendToStream("kept", numberedUpTo(4), { expectedRevision: NO_STREAM });
    await client.appendToStream("kept", repeated, { expectedRevision: "any" });
    await client.setStreamMetadata("kept", { maxCount: 2 });
    await client.appendToStream("deleted", numbered(0));
    await client.deleteStream("deleted");
    await client.appendToStream("gone", numbered(0));
    await client.tombstoneStream("gone");
    const before = await everythingIn(client);
    await first.stop();

    const again = clientOf(await startedStore({ directory }));
    expect(await everythingIn(again)).toEqual(before);
    expect(await numbersOf(again.readStream<Numbered>("kept"))).toEqual([3, 4]);
    await expect(numbersOf(again.readStream<Numbered>("deleted"))).rejects.toMatchObject({ type: "stream-not-found" });
    await expect(numbersOf(again.readStream<Numbered>("gone"))).rejects.toMatchObject({ type: "stream-deleted" });
    const repeat = await again.appendToStream("kept", repeated, { expectedRevision: "any" });
    expect(repeat.nextExpectedRevision).toBe(4n);
    await again.appendToStream("kept", numbered(5), { expectedRevision: 4n });
  });

  test.each([
    ["batched", {}],
    ["alone", { credentials: { username: "admin", password: "changeit" } }],
  ])(
    "of appends %s that the order to stop met, just those answered are there, and all are once they are repeated",
    async (_, how) => {
      const directory = directoryOfTest();
      const first = await startedStore({ directory });
      const client = clientOf(first);
      const events = numberedUpTo(200);
      const appends = events.map((event) => client.appendToStream("busy", event, how));
      await Promise.race(appends);
      const stopped = first.stop();
      const answers = await Promise.allSettled(appends);
      await stopped;
      const again = clientOf(await startedStore({ directory }));
      const storedIds = async () =>
        (await everythingIn(again)).flatMap(({ stream, id }) => (stream === "busy" ? id : []));
      const answered = events.filter((_, n) => answers[n]?.status === "fulfilled").map(({ id }) => id);
      expect((await storedIds()).toSorted()).toEqual(answered.toSorted());
      for (const event of events) await again.appendToStream("busy", event);
      expect((await storedIds()).toSorted()).toEqual(events.map(({ id }) => id).toSorted());
    },
  );
});

describe("when the process is killed", () => {
  test("another one takes its place on the same port, and a subscriber goes on from where it was", async () => {
    const store = await startedStore({ directory: directoryOfTest() });
    const client = clientOf(store);
    const { position } = await client.appendToStream("before", numbered(1));
    const subscription = client.subscribeToAll({ fromPosition: position ?? START });
    const dropped = new Promise((resolve) => subscription.once("error", resolve));
    await new Promise((resolve) => subscription.once("caughtUp", resolve));
    const url = store.url;
    process.kill(store.pid, "SIGKILL");
    await dropped;
    await untilAnswered(() => client.appendToStream("after", numbered(2)));
    expect(store.url).toBe(url);
    const resumed = client.subscribeToAll({ fromPosition: position ?? START });
    for await (const { event } of resumed) {
      expect(event?.streamId).toBe("after");
      break;
    }
    await resumed.unsubscribe();
  });
});

describe("starting", () => {
  test("a second store on the same folder is refused, and the first one goes on", async () => {
    const directory = directoryOfTest();
    const client = clientOf(await startedStore({ directory }));
    await expect(startEventStore({ directory })).rejects.toThrow(/in use by another event store process/);
    expect((await client.appendToStream("still-here", numbered(1))).success).toBe(true);
  });

  test("on a port that is taken is refused", async () => {
    const store = await startedStore({ directory: directoryOfTest() });
    const port = portOf(store);
    await expect(startEventStore({ directory: directoryOfTest(), port })).rejects.toThrow(`Port ${port}`);
  });

  test("is tried for as long as a folder is ruined, is told each time, and goes well once it is put back", async () => {
    const directory = directoryOfTest();
    const reasons: string[] = [];
    const store = await startedStore({ directory, onFailure: ({ message }) => void reasons.push(message) });
    const { pid } = store;
    const file = join(directory, "events.db");
    const kept = `${file}.kept`;
    process.kill(pid, "SIGKILL");
    renameSync(file, kept);
    writeFileSync(file, "ruined");
    const failuresOnce = 6;
    await expect.poll(() => reasons.length, soon).toBeGreaterThan(failuresOnce);
    expect(reasons[0]).toMatch(/ended with SIGKILL/);
    expect(reasons.at(-1)).toMatch(/events\.db cannot be used/);
    renameSync(kept, file);
    await expect.poll(() => store.pid, soon).not.toBe(pid);
    expect((await clientOf(store).appendToStream(freshStream(), numbered(1))).success).toBe(true);
  });
});
