import persistent from "@eventstore/db-client/generated/persistent_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type RecordedEvent, tombstoneRevision } from "../../../src/embedded/eventstore/event.ts";
import { encodeEvent } from "../../../src/embedded/eventstore/protocol/eventEncoding.ts";

const anyEvent: fc.Arbitrary<RecordedEvent> = fc.record({
  id: fc.uuid(),
  type: fc.string({ unit: "binary", minLength: 1, maxLength: 300 }),
  isJson: fc.boolean(),
  data: fc.uint8Array({ maxLength: 500 }),
  metadata: fc.uint8Array({ maxLength: 200 }),
  position: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  stream: fc.string({ unit: "binary", minLength: 1, maxLength: 300 }),
  revision: fc.oneof(fc.nat(), fc.constant(tombstoneRevision)),
  createdMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
});
const anyResolved = fc
  .record({ event: fc.option(anyEvent, { nil: undefined }), link: fc.option(anyEvent, { nil: undefined }) })
  .filter(({ event, link }) => (event ?? link) !== undefined);

type RecordedMessage =
  | streams.ReadResp.ReadEvent.RecordedEvent
  | persistent.ReadResp.ReadEvent.RecordedEvent
  | undefined;

const greatestInt64 = "9223372036854775807";

const told = (message: RecordedMessage): RecordedEvent | undefined =>
  message && {
    id: message.getId()?.getString() ?? "",
    type: message.getMetadataMap().get("type") ?? "",
    isJson: message.getMetadataMap().get("content-type") === "application/json",
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
    position: Number(message.getCommitPosition()),
    stream: Buffer.from(message.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString(),
    revision: message.getStreamRevision() === greatestInt64 ? tombstoneRevision : Number(message.getStreamRevision()),
    createdMs: Number(message.getMetadataMap().get("created")) / 10_000,
  };

test("an event is written as the protocol's own messages write it", () => {
  fc.assert(
    fc.property(anyResolved, fc.constantFrom("string", "structured"), (resolved, idForm) => {
      const encoded = encodeEvent(resolved, idForm);
      expect(Buffer.from(streams.ReadResp.deserializeBinary(encoded).serializeBinary()).equals(encoded)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test("a reader is told everything about an event and its link", () => {
  fc.assert(
    fc.property(anyResolved, (resolved) => {
      const message = streams.ReadResp.deserializeBinary(encodeEvent(resolved, "string")).getEvent();
      expect(told(message?.getEvent())).toEqual(resolved.event);
      expect(told(message?.getLink())).toEqual(resolved.link);
      expect(message?.getCommitPosition()).toBe(String((resolved.link ?? resolved.event)?.position));
    }),
  );
});

test("a consumer of a persistent subscription is also told how often it was tried before", () => {
  fc.assert(
    fc.property(anyResolved, fc.nat({ max: 1_000 }), (resolved, retries) => {
      const encoded = encodeEvent(resolved, "string", retries);
      const response = persistent.ReadResp.deserializeBinary(encoded);
      expect(Buffer.from(response.serializeBinary()).equals(encoded)).toBe(true);
      expect(response.getEvent()?.hasRetryCount()).toBe(true);
      expect(response.getEvent()?.getRetryCount()).toBe(retries);
      expect(told(response.getEvent()?.getEvent())).toEqual(resolved.event);
      expect(told(response.getEvent()?.getLink())).toEqual(resolved.link);
    }),
  );
});
