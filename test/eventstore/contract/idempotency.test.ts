import { randomUUID } from "node:crypto";
import {
  ANY,
  type AppendExpectedRevision,
  type EventData,
  NO_STREAM,
  STREAM_EXISTS,
  WrongExpectedVersionError,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { collected, numbered, numberedUpTo, numbersOf } from "./numbered.ts";
import { freshName, serverUnderTest } from "./serverUnderTest.ts";

/*
 * Repeats at an exact revision are known for ever. Repeats that expect ANY or STREAM_EXISTS are known for as long as
 * the server remembers their ids, which no server promises beyond its restart: so these follow at once.
 */
const under = serverUnderTest();

const written = (stream: string) => numbersOf(under.client.readStream(stream));

describe.each(["a batched append", "an append alone"])("%s", (way) => {
  const append = (stream: string, events: EventData[], expectedRevision: AppendExpectedRevision) =>
    under.client.appendToStream(stream, events, {
      expectedRevision,
      ...(way === "an append alone" && { credentials: under.credentials }),
    });

  test("repeated with an exact revision is answered as the first time and written once", async () => {
    const stream = freshName();
    await append(stream, numberedUpTo(2), NO_STREAM);
    const events = [numbered(2), numbered(3)];
    const first = await append(stream, events, 1n);
    expect(await append(stream, events, 1n)).toEqual(first);
    expect(await written(stream)).toEqual([0, 1, 2, 3]);
  });

  test("repeated that expected no stream is answered as the first time, whatever was written since", async () => {
    const stream = freshName();
    const events = numberedUpTo(2);
    const first = await append(stream, events, NO_STREAM);
    expect(await append(stream, events, NO_STREAM)).toEqual(first);
    await append(stream, [numbered(2)], 1n);
    expect(await append(stream, events, NO_STREAM)).toEqual(first);
    expect(await written(stream)).toEqual([0, 1, 2]);
  });

  test.each<AppendExpectedRevision>([ANY, STREAM_EXISTS])(
    "repeated with %s is answered as the first time and written once",
    async (expected) => {
      const stream = freshName();
      const events = numberedUpTo(3);
      const first = await append(stream, events, ANY);
      await append(stream, [numbered(3)], ANY);
      expect(await append(stream, events, expected)).toEqual(first);
      expect(await written(stream)).toEqual([0, 1, 2, 3]);
    },
  );

  test("repeated many times at once is written once", async () => {
    const stream = freshName();
    const events = numberedUpTo(2);
    const results = await Promise.all(Array.from({ length: 20 }, () => append(stream, events, ANY)));
    expect(new Set(results.map(({ position }) => position?.commit)).size).toBe(1);
    expect(await written(stream)).toEqual([0, 1]);
  });

  test("whose beginning is repeated at its place is answered with the revision of that beginning", async () => {
    const stream = freshName();
    const [first, ...rest] = numberedUpTo(3);
    if (first === undefined) throw new Error("There is no event to repeat.");
    await append(stream, [first, ...rest], NO_STREAM);
    expect((await append(stream, [first], NO_STREAM)).nextExpectedRevision).toBe(0n);
    expect(await written(stream)).toEqual([0, 1, 2]);
  });

  test.each<AppendExpectedRevision>([ANY, STREAM_EXISTS])(
    "whose beginning is repeated with %s is answered with where that beginning is",
    async (expected) => {
      const stream = freshName();
      const [a, b, c] = [numbered(0), numbered(1), numbered(2)];
      await append(stream, [a, b, c], NO_STREAM);
      const [, second] = await collected(under.client.readStream(stream));
      const again = await append(stream, [a, b], expected);
      expect(again.nextExpectedRevision).toBe(1n);
      expect(again.position).toEqual(second?.event?.position);
      expect(await written(stream)).toEqual([0, 1, 2]);
    },
  );

  test("repeated at its place is refused when it goes on past what was written or differs from it", async () => {
    const stream = freshName();
    const [a, b, c] = [numbered(0), numbered(1), numbered(2)];
    await append(stream, [a, b], NO_STREAM);
    for (const events of [
      [a, b, c],
      [a, c],
      [b, a],
      [c, b],
    ]) {
      const refusal = append(stream, events, NO_STREAM);
      await expect(refusal).rejects.toBeInstanceOf(WrongExpectedVersionError);
      await expect(refusal).rejects.toMatchObject({ actualVersion: 1n });
    }
    expect(await written(stream)).toEqual([0, 1]);
  });

  test("repeated at a revision that does not exist yet is refused", async () => {
    const stream = freshName();
    const events = numberedUpTo(2);
    await append(stream, events, NO_STREAM);
    await expect(append(stream, events, 2n)).rejects.toMatchObject({ actualVersion: 1n });
  });

  test("at the very end of the stream is written, even when its ids are known", async () => {
    const stream = freshName();
    const events = numberedUpTo(2);
    await append(stream, events, NO_STREAM);
    expect((await append(stream, events, 1n)).nextExpectedRevision).toBe(3n);
    expect(await written(stream)).toEqual([0, 1, 0, 1]);
  });

  test.each<AppendExpectedRevision>([ANY, STREAM_EXISTS])(
    "with %s is refused when its first event is known and another one is not",
    async (expected) => {
      const stream = freshName();
      const known = numbered(0);
      await append(stream, [known], NO_STREAM);
      const refusal = append(stream, [known, numbered(1)], expected);
      await expect(refusal).rejects.toMatchObject({ type: "wrong-expected-version", actualVersion: 0n });
      expect(await written(stream)).toEqual([0]);
    },
  );

  test("with ANY is written whole when its first event is new, even if a later one is known", async () => {
    const stream = freshName();
    const known = numbered(0);
    await append(stream, [known], NO_STREAM);
    expect((await append(stream, [numbered(1), known], ANY)).nextExpectedRevision).toBe(2n);
    expect(await written(stream)).toEqual([0, 1, 0]);
  });

  test.each<AppendExpectedRevision>([ANY, NO_STREAM])(
    "with %s is written although another stream has its ids",
    async (expected) => {
      const id = randomUUID();
      for (const stream of [freshName(), freshName()]) {
        await append(stream, [numbered(7, id)], expected);
        expect(await written(stream)).toEqual([7]);
      }
    },
  );

  test.each<AppendExpectedRevision>([ANY, NO_STREAM])(
    "with %s may have an id twice, and is known as a whole when repeated",
    async (expected) => {
      const stream = freshName();
      const id = randomUUID();
      const twice = [numbered(0, id), numbered(1, id)];
      const first = await append(stream, twice, expected);
      expect(first.nextExpectedRevision).toBe(1n);
      expect(await append(stream, twice, expected)).toEqual(first);
      expect(await written(stream)).toEqual([0, 1]);
    },
  );
});

test("an append repeated the other way is known as well", async () => {
  const stream = freshName();
  const events = numberedUpTo(2);
  const first = await under.client.appendToStream(stream, events);
  const again = await under.client.appendToStream(stream, events, { credentials: under.credentials });
  expect(again).toEqual(first);
  expect(await written(stream)).toEqual([0, 1]);
});
