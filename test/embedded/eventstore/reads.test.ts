import { randomUUID } from "node:crypto";
import {
  BACKWARDS,
  binaryEvent,
  END,
  jsonEvent,
  NO_STREAM,
  type Position,
  START,
  StreamDeletedError,
  StreamNotFoundError,
} from "@eventstore/db-client";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { freshStream, type Numbered, numbered, numberedUpTo, numbersOf, storeUnderTest } from "./storeUnderTest.ts";

const under = storeUnderTest();

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

describe("what was appended", () => {
  test("comes back with id, type, data, metadata, revision, position and the time of writing", async () => {
    const stream = freshStream();
    const id = randomUUID();
    const startedAt = Date.now();
    const { position } = await under.client.appendToStream(
      stream,
      jsonEvent({ id, type: "Ordered", data: { what: "Käse 🧀", line: "a\nb\u0000" }, metadata: { who: "Ada" } }),
    );
    for await (const { event, commitPosition } of under.client.readStream(stream)) {
      expect(event).toMatchObject({
        id,
        streamId: stream,
        type: "Ordered",
        isJson: true,
        data: { what: "Käse 🧀", line: "a\nb\u0000" },
        metadata: { who: "Ada" },
        revision: 0n,
        position,
      });
      expect(commitPosition).toBe(position?.commit);
      expect(event?.created.getTime()).toBeGreaterThanOrEqual(startedAt);
      expect(event?.created.getTime()).toBeLessThanOrEqual(Date.now());
    }
  });

  test("comes back byte for byte when it is binary, metadata included", async () => {
    const stream = freshStream();
    const data = Buffer.from(upTo(256));
    const metadata = new Uint8Array([0, 255, 1]);
    await under.client.appendToStream(stream, binaryEvent({ type: "Scanned", data, metadata }));
    for await (const { event } of under.client.readStream(stream)) {
      expect(event?.isJson).toBe(false);
      expect(Buffer.from(event?.isJson === false ? event.data : [])).toEqual(data);
      expect(
        Buffer.from(event?.isJson === false && event.metadata instanceof Uint8Array ? event.metadata : []),
      ).toEqual(Buffer.from(metadata));
    }
  });

  test("may have any name and type, in any script", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, unit: "grapheme" }), async (name) => {
        const stream = `${name}-${randomUUID()}`;
        await under.client.appendToStream(stream, jsonEvent({ type: name, data: { n: 1 } }));
        const found: unknown[] = [];
        for await (const { event } of under.client.readStream(stream)) found.push([event?.streamId, event?.type]);
        expect(found).toEqual([[stream, name]]);
      }),
      { numRuns: 100 },
    );
  });
});

describe("a stream", () => {
  const stream = freshStream();
  const read = (options: Parameters<typeof under.client.readStream>[1]) =>
    numbersOf(under.client.readStream<Numbered>(stream, options));

  test("is read in either direction, from any revision, inclusively, and no further than asked", async () => {
    await under.client.appendToStream(stream, numberedUpTo(10), { expectedRevision: NO_STREAM });
    expect(await read({})).toEqual(upTo(10));
    expect(await read({ fromRevision: 4n, maxCount: 3 })).toEqual([4, 5, 6]);
    expect(await read({ fromRevision: 20n })).toEqual([]);
    expect(await read({ direction: BACKWARDS, fromRevision: END })).toEqual(upTo(10).reverse());
    expect(await read({ direction: BACKWARDS, fromRevision: 4n, maxCount: 3 })).toEqual([4, 3, 2]);
    expect(await read({ direction: BACKWARDS, fromRevision: 400n, maxCount: 1 })).toEqual([9]);
    expect(await read({ direction: BACKWARDS, fromRevision: START })).toEqual([0]);
  });

  test("of many pages is read whole", async () => {
    const long = freshStream();
    for (let written = 0; written < 3_000; written += 500) {
      const events = Array.from({ length: 500 }, (_, n) => numbered(written + n));
      await under.client.appendToStream(long, events);
    }
    expect(await numbersOf(under.client.readStream<Numbered>(long))).toEqual(upTo(3_000));
    const backwards = under.client.readStream<Numbered>(long, { direction: BACKWARDS, fromRevision: END });
    expect(await numbersOf(backwards)).toEqual(upTo(3_000).reverse());
  });

  test("that was never written to is not found", async () => {
    await expect(numbersOf(under.client.readStream<Numbered>("nobody-wrote-here"))).rejects.toBeInstanceOf(
      StreamNotFoundError,
    );
  });

  test("whose name has no ASCII is named in errors without harm", async () => {
    const name = `日本-${randomUUID()}`;
    await under.client.appendToStream(name, numbered(1));
    await under.client.tombstoneStream(name);
    await expect(numbersOf(under.client.readStream<Numbered>(name))).rejects.toBeInstanceOf(StreamDeletedError);
  });

  test("can be left in the middle of reading", async () => {
    // Long enough that the server still has something to send: the client never lets go of a read that ended unread.
    const long = freshStream();
    await under.client.appendToStream(long, numberedUpTo(2_000));
    for await (const { event } of under.client.readStream(long)) {
      expect(event?.revision).toBe(0n);
      break;
    }
    expect(await numbersOf(under.client.readStream<Numbered>(long, { maxCount: 1 }))).toEqual([0]);
  });
});

describe("all streams", () => {
  const positionsOf = async (options: Parameters<typeof under.client.readAll>[0]): Promise<bigint[]> => {
    const positions: bigint[] = [];
    for await (const { event } of under.client.readAll(options)) if (event) positions.push(event.position.commit);
    return positions;
  };

  const appendSome = async (): Promise<Position[]> => {
    const positions: Position[] = [];
    for (const n of upTo(4)) {
      const { position } = await under.client.appendToStream(freshStream(), numbered(n));
      if (position) positions.push(position);
    }
    return positions;
  };

  test("are read in the order of their commits", async () => {
    await appendSome();
    const positions = await positionsOf({});
    expect(positions).toEqual(positions.toSorted((a, b) => Number(a - b)));
    expect(new Set(positions).size).toBe(positions.length);
    expect(await positionsOf({ direction: BACKWARDS, fromPosition: END })).toEqual(positions.toReversed());
  });

  test("are read forwards from a position inclusively and backwards from it exclusively", async () => {
    const [first, second, third] = await appendSome();
    if (!first || !second || !third) throw new Error("An append gave no position.");
    const forwards = await positionsOf({ fromPosition: second, maxCount: 2 });
    expect(forwards).toEqual([second.commit, third.commit]);
    const backwards = await positionsOf({ direction: BACKWARDS, fromPosition: second, maxCount: 1 });
    expect(backwards).toEqual([first.commit]);
  });

  test("end where they ended when the read began", async () => {
    await appendSome();
    let seen = 0;
    for await (const _ of under.client.readAll()) {
      seen += 1;
      if (seen < 50) await under.client.appendToStream(freshStream(), numbered(seen));
    }
    expect(seen).toBeLessThan(await positionsOf({}).then(({ length }) => length));
  });

  test("contain events of the store itself", async () => {
    const types: string[] = [];
    for await (const { event } of under.client.readAll({ maxCount: 5 })) types.push(event?.type ?? "");
    expect(types.some((type) => type.startsWith("$"))).toBe(true);
  });
});
