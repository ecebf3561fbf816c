import shared from "@eventstore/db-client/generated/shared_pb.js";
import messages from "@eventstore/db-client/generated/streams_pb.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeRead,
  encodeAllRead,
  encodeStreamRead,
  encodeSubscribe,
} from "../../../src/eventstore/wire/readMessages.ts";
import { uuidMessage } from "./uuidMessage.ts";

const { ReadResp, ReadReq } = messages;
const text = fc.string({ unit: "binary", maxLength: 300 }).map((string) => string.toWellFormed());
const int64 = fc.bigInt(0n, 2n ** 63n - 1n);
const recorded = fc.record({
  id: fc.uuid(),
  stream: text,
  type: text,
  data: fc.dictionary(text, fc.jsonValue(), { maxKeys: 5 }),
  metadata: fc.dictionary(text, fc.jsonValue(), { maxKeys: 5 }),
  revision: int64,
  position: int64,
});
type Recorded = typeof recorded extends fc.Arbitrary<infer T> ? T : never;

const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));

const message = (event: Recorded, form: "text" | "structured", contentType = "application/json") => {
  const it = new ReadResp.ReadEvent.RecordedEvent()
    .setId(uuidMessage(event.id, form))
    .setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from(event.stream)))
    .setStreamRevision(event.revision.toString())
    .setCommitPosition(event.position.toString())
    .setPreparePosition(event.position.toString())
    .setData(bytesOf(event.data))
    .setCustomMetadata(bytesOf(event.metadata));
  it.getMetadataMap().set("type", event.type).set("created", "17635968000000000").set("content-type", contentType);
  return it;
};

const carrying = (event: InstanceType<typeof ReadResp.ReadEvent.RecordedEvent>) =>
  Buffer.from(
    new ReadResp()
      .setEvent(new ReadResp.ReadEvent().setEvent(event).setCommitPosition(event.getCommitPosition()))
      .serializeBinary(),
  );

/** As JSON gives it back. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** Fields that the protocol does not have, one of each kind that protobuf knows. */
const unknownFields = Buffer.from("f807ffffffffffffffffff01fa07036e6577f9070102030405060708fd0701020304", "hex");

describe("an event", () => {
  test("is what the protocol's own classes wrote, whichever way the server writes ids", () => {
    fc.assert(
      fc.property(recorded, fc.constantFrom("text", "structured"), (event, form) => {
        const read = { ...event, data: plain(event.data), metadata: plain(event.metadata) };
        expect(decodeRead(carrying(message(event, form)))).toEqual({ kind: "event", event: read });
      }),
      { numRuns: 300 },
    );
  });

  const [event] = fc.sample(recorded, 1);
  if (!event) throw new Error("there is no sample");

  test("is read by a program that does not know all of its fields", () => {
    const known = message(event, "text").serializeBinary();
    const extended = Buffer.concat([unknownFields, known, unknownFields]);
    const length = Buffer.from([0x0a, 0x80 | (extended.length & 0x7f), extended.length >> 7]);
    const resolved = Buffer.concat([unknownFields, length, extended]);
    const outer = Buffer.from([0x0a, 0x80 | (resolved.length & 0x7f), resolved.length >> 7]);
    expect(extended.length).toBeGreaterThan(0x7f);
    expect(decodeRead(Buffer.concat([unknownFields, outer, resolved]))).toEqual(
      decodeRead(carrying(message(event, "text"))),
    );
  });

  test("that is no JSON has its bytes as data", () => {
    const read = decodeRead(carrying(message(event, "text", "application/octet-stream")));
    expect(read).toMatchObject({ event: { data: bytesOf(event.data) } });
  });

  test("that only says it is JSON has its text as data", () => {
    const read = decodeRead(carrying(message(event, "text").setData(Buffer.from("{")).setCustomMetadata("")));
    expect(read).toMatchObject({ event: { data: "{", metadata: undefined } });
  });

  test("that is cut off, or no protobuf, is refused", () => {
    const bytes = carrying(message(event, "text"));
    expect(() => decodeRead(bytes.subarray(0, -1))).toThrow("no protobuf");
    expect(() => decodeRead(Buffer.from("0f", "hex"))).toThrow("no protobuf");
    expect(() => decodeRead(Buffer.from("80", "hex"))).toThrow("no protobuf");
  });
});

describe("what is said beside events", () => {
  test("how far the store has looked", () => {
    const checkpoint = new ReadResp.Checkpoint().setCommitPosition("9007199254740993").setPreparePosition("7");
    const read = decodeRead(Buffer.from(new ReadResp().setCheckpoint(checkpoint).serializeBinary()));
    expect(read).toEqual({ kind: "passed", position: 9007199254740993n });
  });

  test("that everything there is has come", () => {
    const caughtUp = new ReadResp().setCaughtUp(new ReadResp.CaughtUp());
    expect(decodeRead(Buffer.from(caughtUp.serializeBinary()))).toEqual({ kind: "caughtUp" });
  });

  test.each([
    ["a confirmation", new ReadResp().setConfirmation(new ReadResp.SubscriptionConfirmation().setSubscriptionId("a"))],
    ["that there is no such stream", new ReadResp().setStreamNotFound(new ReadResp.StreamNotFound())],
    ["that it fell behind, after which it catches up", new ReadResp().setFellBehind(new ReadResp.FellBehind())],
    ["a link to what is gone", new ReadResp().setEvent(new ReadResp.ReadEvent().setCommitPosition("3"))],
  ])("%s is passed over", (_, answer) => {
    expect(decodeRead(Buffer.from(answer.serializeBinary()))).toBeUndefined();
  });
});

describe("what is asked", () => {
  const optionsOf = (bytes: Uint8Array) => ReadReq.deserializeBinary(bytes).getOptions()?.toObject();
  const { FORWARDS, BACKWARDS } = ReadReq.Options.ReadDirection;

  test("of a stream", () => {
    const stream = { streamIdentifier: { streamName: Buffer.from("draw-1").toString("base64") } };
    expect(optionsOf(encodeStreamRead({ stream: "draw-1", from: 0n, count: 7 }))).toMatchObject({
      ...{ stream: { ...stream, revision: "0" }, readDirection: FORWARDS, count: "7" },
      ...{ resolveLinks: false, noFilter: {}, uuidOption: { string: {} } },
    });
    expect(optionsOf(encodeStreamRead({ stream: "draw-1", from: "end", count: 1 }))).toMatchObject({
      ...{ stream: { ...stream, end: {} }, readDirection: BACKWARDS, count: "1" },
    });
  });

  test("of the whole store", () => {
    expect(optionsOf(encodeAllRead({ from: 9n, count: 1 }))).toMatchObject({
      ...{ all: { position: { commitPosition: "9", preparePosition: "9" } }, readDirection: FORWARDS, count: "1" },
      ...{ noFilter: {}, uuidOption: { string: {} } },
    });
    expect(optionsOf(encodeAllRead({ from: "end", count: 1 }))).toMatchObject({
      ...{ all: { end: {} }, readDirection: BACKWARDS },
    });
  });

  test("of what comes, from the first event of all or after another", () => {
    const asked = { prefixes: ["draw-", "jar-"], searchWindow: 500 };
    expect(optionsOf(encodeSubscribe({ ...asked, after: -1n }))).toMatchObject({
      ...{ all: { start: {} }, subscription: {}, readDirection: FORWARDS, uuidOption: { string: {} } },
      filter: { streamIdentifier: { prefixList: ["draw-", "jar-"] }, max: 500, checkpointintervalmultiplier: 1 },
    });
    expect(optionsOf(encodeSubscribe({ ...asked, after: 9n }))).toMatchObject({
      all: { position: { commitPosition: "9", preparePosition: "9" } },
    });
  });
});
