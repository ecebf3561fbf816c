import {
  type AllStreamSubscription,
  END,
  type Position,
  type ResolvedEvent,
  START,
  type StreamSubscription,
  streamNameFilter,
} from "@eventstore/db-client";
import { describe, expect, onTestFinished, test } from "vitest";
import { heardBy } from "./heard.ts";
import { collected, numbered, numberedUpTo, numberIn, upTo } from "./numbered.ts";
import { freshName, serverUnderTest, soon } from "./serverUnderTest.ts";

const under = serverUnderTest();

/** Appends and says where; everything that a test then looks at lies behind it. */
async function written(stream = freshName("marker"), count = 1): Promise<Position> {
  const { position } = await under.client.appendToStream(stream, numberedUpTo(count));
  if (position === undefined) throw new Error("The append gave no position.");
  return position;
}

describe("a subscription to all streams", () => {
  test("is confirmed once and says once that it has caught up, after all that was there", async () => {
    const stream = freshName();
    const here = await written();
    await written(stream, 300);
    const heard = heardBy(under.client.subscribeToAll({ fromPosition: here }));
    await expect.poll(() => heard.caughtUp, soon).toBe(1);
    const ours = heard.events.filter(({ event }) => event?.streamId === stream);
    expect(ours.map(({ event }) => Number(event?.revision))).toEqual(upTo(300));
    expect(heard.confirmations).toBe(1);
    expect(heard.order[0]).toBe("confirmation");
  });

  test("begins after the position it is given", async () => {
    const [before, at, after] = [freshName(), freshName(), freshName()];
    await written(before);
    const here = await written(at);
    const heard = heardBy(under.client.subscribeToAll({ fromPosition: here }));
    await written(after);
    const streams = () => heard.events.map(({ event }) => event?.streamId);
    await expect.poll(streams, soon).toContain(after);
    expect(streams()).not.toContain(before);
    expect(streams()).not.toContain(at);
    expect(heard.events.every(({ event }) => (event?.position?.commit ?? 0n) > here.commit)).toBe(true);
  });

  test("from the end gives nothing but what comes", async () => {
    const [before, after] = [freshName(), freshName()];
    await written(before);
    const heard = heardBy(under.client.subscribeToAll({ fromPosition: END }));
    await expect.poll(() => heard.confirmations, soon).toBe(1);
    await written(after);
    const streams = () => heard.events.map(({ event }) => event?.streamId);
    await expect.poll(streams, soon).toContain(after);
    expect(streams()).not.toContain(before);
  });

  test("from the start begins with the first event of all", async () => {
    const [first] = await collected(under.client.readAll({ maxCount: 1 }));
    const subscription = under.client.subscribeToAll({ fromPosition: START });
    onTestFinished(() => subscription.unsubscribe());
    for await (const { event } of subscription) {
      expect(event).toEqual(first?.event);
      break;
    }
  });

  test("from a position far ahead is accepted, and gives nothing that lies before it", async () => {
    const { commit, prepare } = await written();
    const ahead = { commit: commit + 2n ** 40n, prepare: prepare + 2n ** 40n };
    const heard = heardBy(under.client.subscribeToAll({ fromPosition: ahead }));
    await expect.poll(() => heard.confirmations, soon).toBe(1);
    const other = heardBy(under.client.subscribeToAll({ fromPosition: { commit, prepare } }));
    await written();
    await expect.poll(() => other.numbers.length, soon).toBeGreaterThan(0);
    expect(heard.events).toEqual([]);
    expect(heard.error).toBeUndefined();
  });

  test("gives what is written while it catches up once, in the order of reading", async () => {
    const here = await written();
    const streams = upTo(4).map(() => freshName());
    const writing = Promise.all(
      streams.map(async (stream) => {
        for (const n of upTo(50)) await under.client.appendToStream(stream, numbered(n));
      }),
    );
    const heard = heardBy(under.client.subscribeToAll({ fromPosition: here }));
    await writing;
    const ours = () => heard.events.filter(({ event }) => event && streams.includes(event.streamId));
    await expect.poll(() => ours().length, soon).toBe(200);
    const stored = (await collected(under.client.readAll({ fromPosition: here }))).filter(
      ({ event }) => event && streams.includes(event.streamId),
    );
    expect(ours().map(({ event }) => event?.id)).toEqual(stored.map(({ event }) => event?.id));
  });

  test("sees metadata, deletions and tombstones as the events they are", async () => {
    const [deleted, tombstoned] = [freshName(), freshName()];
    const heard = heardBy(under.client.subscribeToAll({ fromPosition: await written() }));
    await written(deleted);
    await written(tombstoned);
    await under.client.deleteStream(deleted);
    await under.client.tombstoneStream(tombstoned);
    const seen = () => heard.events.map(({ event }) => `${event?.type} in ${event?.streamId}`);
    await expect.poll(seen, soon).toContain(`$streamDeleted in ${tombstoned}`);
    expect(seen()).toContain(`$metadata in $$${deleted}`);
    expect(seen()).toContain(`Numbered in ${deleted}`);
    expect(heard.error).toBeUndefined();
  });

  test("resumed from any position neither repeats nor leaves out an event, while others write", async () => {
    const category = freshName("resumed");
    const here = await written();
    let isWriting = true;
    const writing = Promise.all(
      upTo(4).map(async (writer) => {
        for (let n = 0; isWriting || n < 50; n += 1) {
          await under.client.appendToStream(`${category}-${writer}`, numbered(n));
        }
      }),
    );
    const filter = streamNameFilter({ prefixes: [category] });
    const seen: string[] = [];
    let from = here;
    for (const round of upTo(10)) {
      const subscription: AllStreamSubscription = under.client.subscribeToAll({ fromPosition: from, filter });
      for await (const { event } of subscription) {
        if (event === undefined) continue;
        seen.push(event.id);
        from = event.position;
        if (seen.length >= (round + 1) * 20) break;
      }
      await subscription.unsubscribe();
    }
    isWriting = false;
    await writing;
    const stored = await collected(under.client.readAll({ fromPosition: here }));
    const ours = stored.flatMap(({ event }) => (event?.streamId.startsWith(category) ? [event.id] : []));
    expect(seen).toEqual(ours.slice(0, seen.length));
  });

  test("is one of many without harm to the others", async () => {
    const stream = freshName();
    const filter = streamNameFilter({ prefixes: [stream] });
    const here = await written();
    const crowd = upTo(100).map(() => heardBy(under.client.subscribeToAll({ fromPosition: here, filter })));
    for (const heard of crowd) await expect.poll(() => heard.confirmations, soon).toBe(1);
    await written(stream, 5);
    for (const heard of crowd) await expect.poll(() => heard.numbers, soon).toEqual(upTo(5));
  });
});

describe("a subscriber that stops reading while much is written", () => {
  const payload = "x".repeat(1_000);
  const write = async (stream: string) => {
    for (const round of upTo(100)) {
      const events = upTo(100).map((n) => ({ ...numbered(round * 100 + n), metadata: { payload } }));
      await under.client.appendToStream(stream, events);
    }
  };

  type Subscribe = (after: ResolvedEvent | undefined) => StreamSubscription | AllStreamSubscription;

  /** Reads on to the last of them; a server that gives up on it is asked to resume after what was read last. */
  async function readOn(subscription: ReturnType<Subscribe>, subscribe: Subscribe): Promise<ResolvedEvent[]> {
    const read: ResolvedEvent[] = [];
    for (let current = subscription; read.length < 10_000; current = subscribe(read.at(-1))) {
      try {
        for await (const event of current) if (read.push(event) === 10_000) break;
      } catch {
        expect(read.length).toBeGreaterThan(0);
      }
      await current.unsubscribe();
    }
    return read;
  }

  test("loses nothing of the stream", async () => {
    const stream = freshName("slow");
    const subscribe: Subscribe = (after) =>
      under.client.subscribeToStream(stream, { fromRevision: after?.event?.revision ?? START });
    const subscription = subscribe(undefined);
    // While nobody reads, nobody else would take the error.
    subscription.on("error", () => {});
    subscription.pause();
    await write(stream);
    const read = await readOn(subscription, subscribe);
    expect(read.map(({ event }) => numberIn(event))).toEqual(upTo(10_000));
    await under.client.deleteStream(stream);
  });

  test("loses nothing of all streams", async () => {
    const stream = freshName("slow");
    const here = await written();
    const filter = streamNameFilter({ prefixes: [stream] });
    const subscribe: Subscribe = (after) =>
      under.client.subscribeToAll({ fromPosition: after?.event?.position ?? here, filter });
    const subscription = subscribe(undefined);
    subscription.on("error", () => {});
    subscription.pause();
    await write(stream);
    const read = await readOn(subscription, subscribe);
    expect(read.map(({ event }) => numberIn(event))).toEqual(upTo(10_000));
    await under.client.deleteStream(stream);
  });
});
