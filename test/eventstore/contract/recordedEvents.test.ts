import { randomUUID } from "node:crypto";
import { binaryEvent, type EventData, jsonEvent, NO_STREAM } from "@eventstore/db-client";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collected, numbered, numberedUpTo, upTo } from "./numbered.ts";
import { freshName, serverUnderTest } from "./serverUnderTest.ts";

const under = serverUnderTest();

/** What comes back of one event that was written to a stream of its own. */
async function roundTrip(event: EventData) {
  const stream = freshName();
  await under.client.appendToStream(stream, event);
  const [recorded] = await collected(under.client.readStream(stream));
  if (recorded?.event === undefined) throw new Error("The event did not come back.");
  return recorded.event;
}

const bytesOf = (value: unknown): Buffer => Buffer.from(value instanceof Uint8Array ? value : []);

describe("an event", () => {
  test("keeps its id, its type and its stream", async () => {
    const stream = freshName();
    const id = randomUUID();
    await under.client.appendToStream(stream, jsonEvent({ id, type: "Ordered", data: {} }));
    const [recorded] = await collected(under.client.readStream(stream));
    expect(recorded?.event).toMatchObject({ id, type: "Ordered", streamId: stream });
    expect(recorded?.link).toBeUndefined();
  });

  test("has one id, however its letters are written", async () => {
    const stream = freshName();
    const id = randomUUID();
    await under.client.appendToStream(stream, numbered(0, id.toUpperCase()), { expectedRevision: NO_STREAM });
    await under.client.appendToStream(stream, numbered(0, id), { expectedRevision: NO_STREAM });
    const events = await collected(under.client.readStream(stream));
    expect(events.map(({ event }) => event?.id)).toEqual([id]);
  });

  test("is numbered from 0 on, without gaps", async () => {
    const stream = freshName();
    await under.client.appendToStream(stream, numberedUpTo(3), { expectedRevision: NO_STREAM });
    await under.client.appendToStream(stream, numbered(3), { expectedRevision: 2n });
    const events = await collected(under.client.readStream(stream));
    expect(events.map(({ event }) => event?.revision)).toEqual([0n, 1n, 2n, 3n]);
  });

  test("is dated by the server, between the append and its answer", async () => {
    // Clocks of two machines differ a little.
    const toleranceMs = process.env["EVENTSTORE_URL"] === undefined ? 0 : 5_000;
    const before = Date.now() - toleranceMs;
    const { created } = await roundTrip(numbered(1));
    expect(created).toBeInstanceOf(Date);
    expect(created.getTime()).toBeGreaterThanOrEqual(before);
    expect(created.getTime()).toBeLessThanOrEqual(Date.now() + toleranceMs);
  });

  test("may have any type and live in a stream of any name, in any script", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, unit: "grapheme" }), async (name) => {
        const stream = freshName(`any-${name}`);
        await under.client.appendToStream(stream, jsonEvent({ type: `T${name}`, data: { n: 1 } }));
        const [recorded] = await collected(under.client.readStream(stream));
        expect([recorded?.event?.streamId, recorded?.event?.type]).toEqual([stream, `T${name}`]);
      }),
      { numRuns: 100 },
    );
  });

  test("may live in a stream whose name begins as the store's own do", async () => {
    const stream = freshName("$mine");
    await under.client.appendToStream(stream, numbered(1));
    const [recorded] = await collected(under.client.readStream(stream));
    expect(recorded?.event?.streamId).toBe(stream);
  });

  test("may live in a stream with a long name", async () => {
    const stream = freshName("long".repeat(100));
    await under.client.appendToStream(stream, numbered(1));
    const [recorded] = await collected(under.client.readStream(stream));
    expect(recorded?.event?.streamId).toBe(stream);
  });
});

describe("JSON data", () => {
  test.each([
    ["an object", { what: "pencils", count: 3, tags: ["a", "b"], nested: { deep: { deeper: null } } }],
    ["an empty object", {}],
    ["a list", [1, "two", { three: 3 }]],
    ["a text", "CC ‐ 1830"],
    ["letters of many scripts", { text: "Käse 🧀 日本語 ελληνικά עברית Ę" }],
    ["control characters", { text: '\u0000\u0001\u0018\u001b\u007f\n\r\t\\"' }],
    ["half of a pair of surrogates", { text: "\ud83e" }],
    ["the greatest safe integer", { n: Number.MAX_SAFE_INTEGER }],
  ])("comes back as written when it is %s", async (_, data) => {
    expect(await roundTrip(jsonEvent({ type: "Noted", data }))).toMatchObject({ isJson: true, data });
  });
});

describe("binary data", () => {
  test.each([
    ["every byte there is", Buffer.from(upTo(256))],
    ["nothing", Buffer.alloc(0)],
    ["bytes that are no UTF-8", Buffer.from([0xc3, 0x28, 0xff, 0xfe])],
    ["half a mebibyte", Buffer.alloc(524_288, 0x5a)],
  ])("comes back byte for byte when it is %s", async (_, data) => {
    const event = await roundTrip(binaryEvent({ type: "Scanned", data }));
    expect(event.isJson).toBe(false);
    expect(bytesOf(event.data).equals(data)).toBe(true);
  });
});

describe.each([
  ["JSON", (metadata?: Record<string, unknown> | Uint8Array) => withMetadata("json", metadata)],
  ["binary", (metadata?: Record<string, unknown> | Uint8Array) => withMetadata("binary", metadata)],
])("the metadata of a %s event", (_, event) => {
  test("comes back as JSON when it was", async () => {
    const metadata = { $correlationId: randomUUID(), who: "Ada 🧮", nested: { n: 1 } };
    expect((await roundTrip(event(metadata))).metadata).toEqual(metadata);
  });

  test("comes back byte for byte when it is no JSON", async () => {
    const metadata = new Uint8Array([0, 255, 1, 123]);
    expect(bytesOf((await roundTrip(event(metadata))).metadata)).toEqual(Buffer.from(metadata));
  });

  test("is absent when there was none", async () => {
    expect((await roundTrip(event())).metadata).toBeUndefined();
  });
});

function withMetadata(kind: "json" | "binary", metadata: Record<string, unknown> | Uint8Array | undefined): EventData {
  const carried = metadata === undefined ? {} : { metadata };
  return kind === "json"
    ? jsonEvent({ type: "Noted", data: { n: 1 }, ...carried })
    : binaryEvent({ type: "Noted", data: Buffer.from("noted"), ...carried });
}

describe("the position of an event", () => {
  test("that was appended last is what the append answered", async () => {
    const stream = freshName();
    const { position } = await under.client.appendToStream(stream, numberedUpTo(3));
    const last = (await collected(under.client.readStream(stream))).at(-1);
    expect(position).toBeDefined();
    expect(last?.event?.position).toEqual(position);
    expect(last?.commitPosition).toBe(position?.commit);
  });

  test("is greater than that of every event before it, within an append and from one to the next", async () => {
    const stream = freshName();
    await under.client.appendToStream(stream, numberedUpTo(5));
    await under.client.appendToStream(freshName(), numbered(0));
    await under.client.appendToStream(stream, numberedUpTo(5));
    const commits = (await collected(under.client.readStream(stream))).map(
      ({ event }) => event?.position?.commit ?? 0n,
    );
    expect(commits.every((commit, n) => n === 0 || commit > (commits[n - 1] ?? commit))).toBe(true);
    expect(commits).toHaveLength(10);
  });

  test("is the same for readers of the stream and of all streams", async () => {
    const stream = freshName();
    const { position } = await under.client.appendToStream(stream, numbered(1));
    const [inStream] = await collected(under.client.readStream(stream));
    const [inAll] = await collected(under.client.readAll({ ...(position && { fromPosition: position }), maxCount: 1 }));
    expect(inAll?.event).toEqual(inStream?.event);
  });
});
