import { BACKWARDS, END, type Position, START } from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { collected, numbered, numberedUpTo, upTo } from "./numbered.ts";
import { freshName, serverUnderTest } from "./serverUnderTest.ts";

const under = serverUnderTest();

/** Events written one after the other, each to a stream of its own, and where they are. */
async function written(count: number) {
  const streams = upTo(count).map(() => freshName());
  const positions: Position[] = [];
  for (const stream of streams) {
    const { position } = await under.client.appendToStream(stream, numbered(0));
    if (position === undefined) throw new Error("An append gave no position.");
    positions.push(position);
  }
  const [first, last] = [positions[0], positions.at(-1)];
  if (first === undefined || last === undefined) throw new Error("Nothing was written.");
  return { streams, positions, first, last };
}

const read = (options: Parameters<typeof under.client.readAll>[0]) => collected(under.client.readAll(options));

const commitsOf = async (options: Parameters<typeof under.client.readAll>[0]): Promise<bigint[]> =>
  (await read(options)).map(({ event }) => event?.position.commit ?? -1n);

/** The latest events back to a position, however many others were written since. */
async function latestBackTo({ commit }: Position) {
  for (let maxCount = 100; ; maxCount *= 10) {
    const events = await read({ direction: BACKWARDS, fromPosition: END, maxCount });
    if (events.length < maxCount || events.some(({ event }) => event && event.position.commit <= commit)) return events;
  }
}

const isAscending = (commits: readonly bigint[]): boolean =>
  commits.every((commit, n) => n === 0 || commit > (commits[n - 1] ?? commit));

describe("all streams, read forwards,", () => {
  test("give the events in the order of their commits, whichever streams they are in", async () => {
    const { streams, first } = await written(5);
    const events = await read({ fromPosition: first });
    const ours = events.flatMap(({ event }) => (event && streams.includes(event.streamId) ? [event.streamId] : []));
    expect(ours).toEqual(streams);
    expect(isAscending(events.map(({ event }) => event?.position.commit ?? -1n))).toBe(true);
  });

  test("begin with the event at the position asked for", async () => {
    const { streams, positions } = await written(3);
    const [at] = await read({ fromPosition: positions[1] ?? START, maxCount: 1 });
    expect(at?.event?.streamId).toBe(streams[1]);
    expect(at?.event?.position).toEqual(positions[1]);
  });

  test("begin with the first event of all when asked for the start", async () => {
    const { first } = await written(1);
    const [start] = await read({ fromPosition: START, maxCount: 1 });
    expect(start?.event?.position.commit).toBeLessThan(first.commit);
    expect((await read({ maxCount: 1 }))[0]?.event).toEqual(start?.event);
  });

  test("go no further than asked", async () => {
    const { first } = await written(3);
    expect(await read({ fromPosition: first, maxCount: 2 })).toHaveLength(2);
  });

  test("contain events of the store itself", async () => {
    const types = (await read({ maxCount: 100 })).map(({ event }) => event?.type ?? "");
    expect(types.some((type) => type.startsWith("$"))).toBe(true);
  });
});

describe("all streams, read backwards,", () => {
  test("give the latest event first", async () => {
    const { streams, first } = await written(5);
    const events = await latestBackTo(first);
    const ours = events.flatMap(({ event }) => (event && streams.includes(event.streamId) ? [event.streamId] : []));
    expect(ours).toEqual(streams.toReversed());
  });

  test("begin before the event at the position asked for", async () => {
    const { last } = await written(3);
    const commits = await commitsOf({ direction: BACKWARDS, fromPosition: last, maxCount: 10 });
    expect(commits.every((commit) => commit < last.commit)).toBe(true);
  });

  test("give from there what a read forwards gives up to there", async () => {
    const { first, last } = await written(4);
    const forwards = (await commitsOf({ fromPosition: first })).filter((commit) => commit < last.commit);
    const backwards = await commitsOf({ direction: BACKWARDS, fromPosition: last, maxCount: forwards.length });
    expect(backwards).toEqual(forwards.toReversed());
  });

  test("are empty from the start", async () => {
    expect(await read({ direction: BACKWARDS, fromPosition: START })).toEqual([]);
  });

  test("go no further than asked", async () => {
    await written(3);
    expect(await read({ direction: BACKWARDS, fromPosition: END, maxCount: 2 })).toHaveLength(2);
  });
});

describe("all streams", () => {
  test("show an append as a whole, in its order", async () => {
    const stream = freshName();
    const { first } = await written(1);
    await under.client.appendToStream(stream, numberedUpTo(300));
    const ours = (await read({ fromPosition: first })).filter(({ event }) => event?.streamId === stream);
    expect(ours.map(({ event }) => Number(event?.revision))).toEqual(upTo(300));
  });

  test("show what metadata, deletions and tombstones hide from readers of the stream", async () => {
    const { first } = await written(1);
    const [counted, truncated, deleted, tombstoned] = upTo(4).map(() => freshName());
    if (!counted || !truncated || !deleted || !tombstoned) throw new Error("There are four streams.");
    for (const stream of [counted, truncated, deleted, tombstoned]) {
      await under.client.appendToStream(stream, numberedUpTo(3));
    }
    await under.client.setStreamMetadata(counted, { maxCount: 1 });
    await under.client.setStreamMetadata(truncated, { truncateBefore: 2 });
    await under.client.deleteStream(deleted);
    await under.client.tombstoneStream(tombstoned);
    const events = await read({ fromPosition: first });
    for (const stream of [counted, truncated, deleted, tombstoned]) {
      const shown = events.filter(({ event }) => event?.streamId === stream && event.type === "Numbered");
      expect(shown).toHaveLength(3);
    }
  });

  test("show metadata as events of the stream's metastream", async () => {
    const stream = freshName();
    const { first } = await written(1);
    await under.client.setStreamMetadata(stream, { maxCount: 7 });
    const metadata = (await read({ fromPosition: first })).find(({ event }) => event?.streamId === `$$${stream}`);
    expect(metadata?.event).toMatchObject({ type: "$metadata", isJson: true, revision: 0n, data: { $maxCount: 7 } });
  });

  test("are read alike twice", async () => {
    const { first, last } = await written(20);
    const upToLast = async () => (await commitsOf({ fromPosition: first })).filter((commit) => commit <= last.commit);
    expect(await upToLast()).toEqual(await upToLast());
  });
});
