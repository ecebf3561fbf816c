import {
  binaryEvent,
  DeadlineExceededError,
  jsonEvent,
  MaxAppendSizeExceededError,
  StreamNotFoundError,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { collected, numbered, numberedUpTo, numbersOf, upTo } from "./numbered.ts";
import { freshName, serverUnderTest } from "./serverUnderTest.ts";

const under = serverUnderTest();

const written = (stream: string) => numbersOf(under.client.readStream(stream));

const scanned = (bytes: number) => binaryEvent({ type: "Scanned", data: Buffer.alloc(bytes, 7) });

// With others in one bidirectional stream, or in a call of its own: the client does that when it is given credentials.
describe.each(["a batched append", "an append alone"])("%s", (way) => {
  const options = () => (way === "an append alone" ? { credentials: under.credentials } : {});

  test("of several events is answered with the revision of the last", async () => {
    const stream = freshName();
    const result = await under.client.appendToStream(stream, numberedUpTo(5), options());
    expect(result).toMatchObject({ success: true, nextExpectedRevision: 4n });
    expect(result.position).toBeDefined();
  });

  test("can be read as soon as it is answered", async () => {
    const stream = freshName();
    for (const n of upTo(20)) {
      await under.client.appendToStream(stream, numbered(n), options());
      expect(await written(stream)).toEqual(upTo(n + 1));
    }
  });

  test("is one unit: a reader sees all of its events or none", async () => {
    const stream = freshName();
    const appends = upTo(20).map((round) =>
      under.client.appendToStream(
        stream,
        upTo(25).map(() => numbered(round)),
        options(),
      ),
    );
    const seen = [];
    for (let isDone = false; !isDone; ) {
      isDone = await Promise.race([
        Promise.all(appends).then(() => true),
        new Promise<false>((go) => setImmediate(go, false)),
      ]);
      const { length } = await written(stream).catch((error: unknown) => {
        if (error instanceof StreamNotFoundError) return [];
        throw error;
      });
      seen.push(length);
    }
    expect(seen.filter((length) => length % 25 !== 0)).toEqual([]);
    expect(seen.at(-1)).toBe(500);
  });

  test("of events of several kinds keeps them in order", async () => {
    const stream = freshName();
    const events = [numbered(0), scanned(3), jsonEvent({ type: "Noted", data: "noted" }), scanned(0)];
    await under.client.appendToStream(stream, events, options());
    const recorded = await collected(under.client.readStream(stream));
    expect(recorded.map(({ event }) => [event?.type, event?.isJson])).toEqual([
      ["Numbered", true],
      ["Scanned", false],
      ["Noted", true],
      ["Scanned", false],
    ]);
  });

  test("of nearly a mebibyte is written", async () => {
    const stream = freshName();
    await under.client.appendToStream(stream, scanned(1_048_000), options());
    const [recorded] = await collected(under.client.readStream(stream));
    expect(recorded?.event?.data).toHaveLength(1_048_000);
  });

  test.each([
    ["one event", () => [scanned(1_048_577)]],
    ["many events", () => Array.from({ length: 11 }, () => scanned(100_000))],
    ["very many small events", () => Array.from({ length: 12_000 }, () => scanned(100))],
  ])("of more than a mebibyte in %s is refused and leaves nothing behind", async (_, events) => {
    const stream = freshName();
    const refusal = under.client.appendToStream(stream, events(), options());
    await expect(refusal).rejects.toBeInstanceOf(MaxAppendSizeExceededError);
    await expect(refusal).rejects.toMatchObject({ maxAppendSize: 1_048_576 });
    await expect(written(stream)).rejects.toBeInstanceOf(StreamNotFoundError);
  });

  test("of forty thousand events is written whole, though it is more than a message holds", async () => {
    const stream = freshName();
    const tiny = Array.from({ length: 40_000 }, () => jsonEvent({ type: "T", data: {} }));
    const { nextExpectedRevision } = await under.client.appendToStream(stream, tiny, {
      deadline: 60_000,
      ...options(),
    });
    expect(nextExpectedRevision).toBe(39_999n);
    const recorded = await collected(under.client.readStream(stream));
    expect(recorded.map(({ event }) => event?.id)).toEqual(tiny.map(({ id }) => id));
    await under.client.deleteStream(stream);
  });

  test("whose deadline passes is given up, and what there is of it is whole", async () => {
    const stream = freshName();
    const tiny = Array.from({ length: 5_000 }, () => jsonEvent({ type: "T", data: {} }));
    const late = under.client.appendToStream(stream, tiny, { deadline: 1, ...options() });
    await expect(late).rejects.toBeInstanceOf(DeadlineExceededError);
    const found = await collected(under.client.readStream(stream)).catch(() => []);
    expect([0, 5_000]).toContain(found.length);
    expect((await under.client.appendToStream(freshName(), numbered(1), options())).success).toBe(true);
  });

  test.each([
    ["an event without a type", "somewhere", () => jsonEvent({ type: "", data: {} })],
    ["a nil id", "somewhere", () => numbered(1, "00000000-0000-0000-0000-000000000000")],
    ["a stream without a name", "", () => numbered(1)],
  ])("with %s is refused, and the next one is not", async (_, stream, event) => {
    const refusal = under.client.appendToStream(stream && freshName(stream), event(), options());
    await expect(refusal).rejects.toBeInstanceOf(Error);
    expect((await under.client.appendToStream(freshName(), numbered(1), options())).success).toBe(true);
  });
});

describe("a batched append", () => {
  test("is put together again from as many chunks as it was cut into", async () => {
    const stream = freshName();
    await under.client.appendToStream(stream, numberedUpTo(500), { batchAppendSize: 1_024 });
    expect(await written(stream)).toEqual(upTo(500));
  });

  test("may be cut so small that no event fits, and then is sent event by event", async () => {
    const stream = freshName();
    await under.client.appendToStream(stream, numberedUpTo(5), { batchAppendSize: 1 });
    expect(await written(stream)).toEqual(upTo(5));
  });

  test("is kept apart from others whose chunks come between its own", async () => {
    const streams = upTo(10).map(() => freshName());
    await Promise.all(
      streams.map((stream) => under.client.appendToStream(stream, numberedUpTo(100), { batchAppendSize: 512 })),
    );
    for (const stream of streams) expect(await written(stream)).toEqual(upTo(100));
  });

  test("that is refused for its size harms none of those beside it", async () => {
    const big = () => Array.from({ length: 5 }, () => scanned(500_000));
    const results = await Promise.allSettled(
      upTo(20).map((n) => under.client.appendToStream(freshName(), n % 5 === 0 ? big() : numbered(n))),
    );
    expect(results.map(({ status }) => status)).toEqual(upTo(20).map((n) => (n % 5 === 0 ? "rejected" : "fulfilled")));
  });

  test("is one of thousands that were made in the same tick", async () => {
    const stream = freshName();
    const results = await Promise.all(upTo(3_000).map((n) => under.client.appendToStream(stream, numbered(n))));
    expect(new Set(results.map(({ nextExpectedRevision }) => nextExpectedRevision)).size).toBe(3_000);
    expect((await written(stream)).toSorted((a, b) => a - b)).toEqual(upTo(3_000));
  });
});

test("appends of several clients to one stream each get revisions of their own", async () => {
  const stream = freshName();
  const clients = upTo(4).map(() => under.connect());
  const results = await Promise.all(
    upTo(200).map(
      (n) => clients[n % 4]?.appendToStream(stream, numbered(n)) ?? Promise.reject(new Error("No client.")),
    ),
  );
  const revisions = results.map(({ nextExpectedRevision }) => Number(nextExpectedRevision));
  expect(revisions.toSorted((a, b) => a - b)).toEqual(upTo(200));
  const stored = await written(stream);
  expect(revisions.map((revision) => stored[revision])).toEqual(upTo(200));
});
