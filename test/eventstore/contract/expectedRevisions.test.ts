import {
  ANY,
  type AppendExpectedRevision,
  NO_STREAM,
  STREAM_EXISTS,
  StreamDeletedError,
  WrongExpectedVersionError,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { numbered, numberedUpTo, numbersOf } from "./numbered.ts";
import { freshName, serverUnderTest } from "./serverUnderTest.ts";

const under = serverUnderTest();

const written = (stream: string) => numbersOf(under.client.readStream(stream));

const streamOf = async (count: number): Promise<string> => {
  const stream = freshName();
  await under.client.appendToStream(stream, numberedUpTo(count), { expectedRevision: NO_STREAM });
  return stream;
};

// With others in one bidirectional stream, or in a call of its own: the client does that when it is given credentials.
describe.each(["a batched append", "an append alone"])("%s", (way) => {
  const options = () => (way === "an append alone" ? { credentials: under.credentials } : {});
  const append = (stream: string, expectedRevision: AppendExpectedRevision, ...ns: number[]) =>
    under.client.appendToStream(
      stream,
      ns.map((n) => numbered(n)),
      { expectedRevision, ...options() },
    );

  test.each<AppendExpectedRevision>([NO_STREAM, ANY])(
    "to a new stream that expects %s is written",
    async (expected) => {
      const stream = freshName();
      expect(await append(stream, expected, 1, 2)).toMatchObject({ success: true, nextExpectedRevision: 1n });
      expect(await written(stream)).toEqual([1, 2]);
    },
  );

  test.each<AppendExpectedRevision>([STREAM_EXISTS, 0n, 5n])(
    "to a new stream that expects %s is refused, for there is no stream",
    async (expected) => {
      const stream = freshName();
      const refusal = append(stream, expected, 1);
      await expect(refusal).rejects.toBeInstanceOf(WrongExpectedVersionError);
      await expect(refusal).rejects.toMatchObject({
        streamName: stream,
        expectedVersion: expected,
        actualVersion: NO_STREAM,
      });
    },
  );

  test.each<AppendExpectedRevision>([ANY, STREAM_EXISTS, 1n])(
    "to a stream at revision 1 that expects %s goes on after it",
    async (expected) => {
      const stream = await streamOf(2);
      expect(await append(stream, expected, 2)).toMatchObject({ success: true, nextExpectedRevision: 2n });
      expect(await written(stream)).toEqual([0, 1, 2]);
    },
  );

  test.each<AppendExpectedRevision>([NO_STREAM, 0n, 2n])(
    "to a stream at revision 1 that expects %s is refused",
    async (expected) => {
      const stream = await streamOf(2);
      await expect(append(stream, expected, 9)).rejects.toMatchObject({
        type: "wrong-expected-version",
        streamName: stream,
        expectedVersion: expected,
        actualVersion: 1n,
      });
      expect(await written(stream)).toEqual([0, 1]);
    },
  );

  test("to a stream that has nothing but metadata may expect that it exists, or that there are no events", async () => {
    for (const expected of [STREAM_EXISTS, NO_STREAM] as const) {
      const stream = freshName();
      await under.client.setStreamMetadata(stream, { owner: "Ada" });
      expect(await append(stream, expected, 0)).toMatchObject({ nextExpectedRevision: 0n });
    }
  });

  test.each<AppendExpectedRevision>([ANY, NO_STREAM, STREAM_EXISTS, 0n])(
    "to a tombstoned stream that expects %s fails",
    async (expected) => {
      const stream = await streamOf(1);
      await under.client.tombstoneStream(stream);
      const refusal = append(stream, expected, 1);
      await expect(refusal).rejects.toBeInstanceOf(StreamDeletedError);
      await expect(refusal).rejects.toMatchObject({ streamName: stream });
    },
  );

  test("of no events changes nothing and says where the stream is", async () => {
    const stream = await streamOf(2);
    expect(await append(stream, 1n)).toMatchObject({ success: true, nextExpectedRevision: 1n });
    expect(await written(stream)).toEqual([0, 1]);
  });

  test("of no events is refused like any other at a revision that has passed", async () => {
    await expect(append(await streamOf(2), 0n)).rejects.toMatchObject({ actualVersion: 1n });
  });

  test("that is refused throws when the client asked for that", async () => {
    const client = under.connect({ throwOnAppendFailure: "true" });
    const refusal = client.appendToStream(await streamOf(1), numbered(1), {
      expectedRevision: NO_STREAM,
      ...options(),
    });
    await expect(refusal).rejects.toBeInstanceOf(WrongExpectedVersionError);
  });

  test("that is refused answers instead of throwing when the client asked for that", async () => {
    const client = under.connect({ throwOnAppendFailure: "false" });
    const stream = await streamOf(2);
    const result = await client.appendToStream(stream, numbered(2), { expectedRevision: NO_STREAM, ...options() });
    // The client makes 1 of any revision when it batches.
    expect(result).toMatchObject({ success: false, nextExpectedRevision: 1n });
    expect(await written(stream)).toEqual([0, 1]);
  });

  test("that is written says so to a client that does not want to be thrown at", async () => {
    const client = under.connect({ throwOnAppendFailure: "false" });
    const result = await client.appendToStream(freshName(), numbered(1), options());
    expect(result).toMatchObject({ success: true, nextExpectedRevision: 0n });
  });
});

test("of many writers that expect the same revision exactly one wins", async () => {
  const stream = await streamOf(1);
  const attempts = await Promise.allSettled(
    Array.from({ length: 50 }, (_, n) => under.client.appendToStream(stream, numbered(n), { expectedRevision: 0n })),
  );
  expect(attempts.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await written(stream)).toHaveLength(2);
});

test("a refused append takes none of those with it that were made at the same time", async () => {
  const stream = freshName();
  const attempts = await Promise.allSettled(
    Array.from({ length: 100 }, (_, n) =>
      under.client.appendToStream(stream, numbered(n), { expectedRevision: n % 2 === 0 ? ANY : 1_000n }),
    ),
  );
  expect(attempts.filter(({ status }) => status === "fulfilled")).toHaveLength(50);
  expect((await written(stream)).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n * 2));
});
