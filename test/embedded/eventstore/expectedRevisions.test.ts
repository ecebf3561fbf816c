import { randomUUID } from "node:crypto";
import {
  EventStoreDBClient,
  NO_STREAM,
  STREAM_EXISTS,
  StreamDeletedError,
  WrongExpectedVersionError,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { freshStream, numbered, numberedUpTo, numbersOf, storeUnderTest } from "./storeUnderTest.ts";

const under = storeUnderTest();

/** Both ways to append: in one bidirectional stream, and in a call of its own, which credentials ask for. */
const ways = [
  { way: "a batch append", options: {} },
  { way: "a single append", options: { credentials: { username: "admin", password: "changeit" } } },
];

const written = (stream: string) =>
  numbersOf(under.client.readStream<{ type: "Numbered"; data: { n: number } }>(stream));

describe.each(ways)("$way", ({ options }) => {
  const append = (stream: string, expectedRevision: bigint | "any" | "no_stream" | "stream_exists", ...ns: number[]) =>
    under.client.appendToStream(
      stream,
      ns.map((n) => numbered(n)),
      { expectedRevision, ...options },
    );

  test("to a new stream succeeds for no_stream and any, and starts at revision 0", async () => {
    for (const expected of [NO_STREAM, "any"] as const) {
      const result = await append(freshStream(), expected, 1, 2);
      expect(result).toMatchObject({ success: true, nextExpectedRevision: 1n });
    }
  });

  test("to a new stream fails for stream_exists and for any revision, and says that there is no stream", async () => {
    for (const expected of [STREAM_EXISTS, 0n, 5n] as const) {
      const refusal = append(freshStream(), expected, 1);
      await expect(refusal).rejects.toBeInstanceOf(WrongExpectedVersionError);
      await expect(refusal).rejects.toMatchObject({ actualVersion: "no_stream", expectedVersion: expected });
    }
  });

  test("to a stream at revision 1 succeeds for any, stream_exists and 1", async () => {
    const stream = freshStream();
    await append(stream, NO_STREAM, 0, 1);
    expect(await append(stream, 1n, 2)).toMatchObject({ nextExpectedRevision: 2n });
    expect(await append(stream, "any", 3)).toMatchObject({ nextExpectedRevision: 3n });
    expect(await append(stream, STREAM_EXISTS, 4)).toMatchObject({ nextExpectedRevision: 4n });
    expect(await written(stream)).toEqual([0, 1, 2, 3, 4]);
  });

  test("to a stream at revision 1 fails for no_stream, 0 and 2, and says where the stream is", async () => {
    const stream = freshStream();
    await append(stream, NO_STREAM, 0, 1);
    for (const expected of [NO_STREAM, 0n, 2n] as const) {
      await expect(append(stream, expected, 9)).rejects.toMatchObject({
        type: "wrong-expected-version",
        streamName: stream,
        actualVersion: 1n,
        expectedVersion: expected,
      });
    }
    expect(await written(stream)).toEqual([0, 1]);
  });

  test("to a stream with nothing but metadata counts as to one that exists", async () => {
    const stream = freshStream();
    await under.client.setStreamMetadata(stream, { owner: "Ada" });
    expect(await append(stream, STREAM_EXISTS, 0)).toMatchObject({ nextExpectedRevision: 0n });
  });

  test("to a tombstoned stream fails whatever is expected", async () => {
    const stream = freshStream();
    await append(stream, NO_STREAM, 0);
    await under.client.tombstoneStream(stream);
    for (const expected of ["any", NO_STREAM, STREAM_EXISTS, 0n] as const) {
      await expect(append(stream, expected, 1)).rejects.toBeInstanceOf(StreamDeletedError);
    }
  });

  test("of no events changes nothing and says where the stream is", async () => {
    const stream = freshStream();
    await append(stream, NO_STREAM, 0, 1);
    expect(await append(stream, 1n)).toMatchObject({ success: true, nextExpectedRevision: 1n });
    expect(await written(stream)).toEqual([0, 1]);
  });

  test("repeated with an exact revision is answered as the first time and written once", async () => {
    const stream = freshStream();
    const events = [numbered(0), numbered(1)];
    for (const expectedRevision of [NO_STREAM, NO_STREAM] as const) {
      const result = await under.client.appendToStream(stream, events, { expectedRevision, ...options });
      expect(result).toMatchObject({ success: true, nextExpectedRevision: 1n });
    }
    await append(stream, 1n, 2);
    const repeated = await under.client.appendToStream(stream, events, { expectedRevision: NO_STREAM, ...options });
    expect(repeated.nextExpectedRevision).toBe(1n);
    expect(await written(stream)).toEqual([0, 1, 2]);
  });

  test("repeated with any or stream_exists is answered with the first position and written once", async () => {
    const stream = freshStream();
    const events = numberedUpTo(3);
    const first = await under.client.appendToStream(stream, events, { expectedRevision: "any", ...options });
    await append(stream, "any", 3);
    for (const expectedRevision of ["any", STREAM_EXISTS] as const) {
      const again = await under.client.appendToStream(stream, events, { expectedRevision, ...options });
      expect(again).toEqual(first);
    }
    expect(await written(stream)).toEqual([0, 1, 2, 3]);
  });

  test("repeated in part, at its place, is refused when it goes on past what was written", async () => {
    const stream = freshStream();
    const [a, b, c] = [numbered(0), numbered(1), numbered(2)];
    await under.client.appendToStream(stream, [a, b], { expectedRevision: NO_STREAM, ...options });
    const start = await under.client.appendToStream(stream, [a], { expectedRevision: NO_STREAM, ...options });
    expect(start.nextExpectedRevision).toBe(0n);
    for (const events of [
      [a, b, c],
      [a, c],
      [b, a],
    ]) {
      const refusal = under.client.appendToStream(stream, events, { expectedRevision: NO_STREAM, ...options });
      await expect(refusal).rejects.toMatchObject({ actualVersion: 1n });
    }
    expect(await written(stream)).toEqual([0, 1]);
  });

  test("with any is refused when its first event is known and another one is not", async () => {
    const stream = freshStream();
    const known = numbered(0);
    await under.client.appendToStream(stream, [known], options);
    const refusal = under.client.appendToStream(stream, [known, numbered(1)], { expectedRevision: "any", ...options });
    await expect(refusal).rejects.toMatchObject({ type: "wrong-expected-version", actualVersion: 0n });
    expect(await written(stream)).toEqual([0]);
  });

  test("with any is written whole when its first event is new, even if a later one is known", async () => {
    const stream = freshStream();
    const known = numbered(0);
    await under.client.appendToStream(stream, [known], options);
    await under.client.appendToStream(stream, [numbered(1), known], { expectedRevision: "any", ...options });
    expect(await written(stream)).toEqual([0, 1, 0]);
  });

  test("accepts an event id that another stream has", async () => {
    const id = randomUUID();
    for (const stream of [freshStream(), freshStream()]) {
      await under.client.appendToStream(stream, [numbered(7, id)], { expectedRevision: "any", ...options });
      expect(await written(stream)).toEqual([7]);
    }
  });

  test("answers instead of throwing when the client asked for that", async () => {
    const stream = freshStream();
    await append(stream, NO_STREAM, 0);
    const client = EventStoreDBClient.connectionString(`${under.store.url}&throwOnAppendFailure=false`);
    const result = await client.appendToStream(stream, [numbered(1)], { expectedRevision: 5n, ...options });
    expect(result.success).toBe(false);
    await client.dispose();
  });
});

test("of many writers that expect the same revision exactly one wins", async () => {
  const stream = freshStream();
  await under.client.appendToStream(stream, numbered(0), { expectedRevision: NO_STREAM });
  const attempts = await Promise.allSettled(
    Array.from({ length: 50 }, (_, n) => under.client.appendToStream(stream, numbered(n), { expectedRevision: 0n })),
  );
  expect(attempts.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await written(stream)).toHaveLength(2);
});

test("a refused append takes none of those with it that share its commit", async () => {
  const stream = freshStream();
  const attempts = await Promise.allSettled(
    Array.from({ length: 100 }, (_, n) =>
      under.client.appendToStream(stream, numbered(n), { expectedRevision: n % 2 === 0 ? "any" : 1_000n }),
    ),
  );
  expect(attempts.filter(({ status }) => status === "fulfilled")).toHaveLength(50);
  expect((await written(stream)).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n * 2));
});
