import shared from "@eventstore/db-client/generated/shared_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import fc from "fast-check";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import timestamps from "google-protobuf/google/protobuf/timestamp_pb.js";
import { expect, test } from "vitest";
import { noRevision, tombstoneRevision } from "../../../src/embedded/eventstore/event.ts";
import { type BatchChunk, decodeBatchChunk } from "../../../src/embedded/eventstore/protocol/batchChunk.ts";
import { batchAppended } from "../../../src/embedded/eventstore/protocol/batchResponses.ts";

const anyText = fc.string({ unit: "binary", maxLength: 100 });
const anyProposal = fc.record({
  id: fc.uuid(),
  type: fc.option(anyText, { nil: undefined }),
  contentType: fc.option(anyText, { nil: undefined }),
  data: fc.uint8Array({ maxLength: 300 }),
  metadata: fc.uint8Array({ maxLength: 300 }),
});
const anyExpectation = fc.oneof(
  fc.constantFrom("any" as const, "no_stream" as const, "stream_exists" as const, undefined),
  fc.maxSafeNat(),
);
const anyChunk = fc.record({
  correlationId: fc.uuid(),
  options: fc.option(
    fc.record({ stream: anyText, expected: anyExpectation, deadlineMs: fc.option(fc.nat(), { nil: undefined }) }),
    { nil: undefined },
  ),
  proposals: fc.array(anyProposal, { maxLength: 5 }),
  isFinal: fc.boolean(),
});
type AnyChunk = typeof anyChunk extends fc.Arbitrary<infer Chunk> ? Chunk : never;

const idMessage = (text: string) => {
  const id = new shared.UUID();
  id.setString(text);
  return id;
};

const identifierOf = (stream: string) => {
  const identifier = new shared.StreamIdentifier();
  identifier.setStreamName(Buffer.from(stream));
  return identifier;
};

const optionsMessage = ({ stream, expected, deadlineMs }: NonNullable<AnyChunk["options"]>) => {
  const options = new streams.BatchAppendReq.Options();
  options.setStreamIdentifier(identifierOf(stream));
  if (expected === "any") options.setAny(new empty.Empty());
  else if (expected === "no_stream") options.setNoStream(new empty.Empty());
  else if (expected === "stream_exists") options.setStreamExists(new empty.Empty());
  else if (expected !== undefined) options.setStreamPosition(String(expected));
  if (deadlineMs !== undefined) options.setDeadline(timestamps.Timestamp.fromDate(new Date(deadlineMs)));
  return options;
};

const proposedMessage = ({ id, type, contentType, data, metadata }: AnyChunk["proposals"][number]) => {
  const message = new streams.BatchAppendReq.ProposedMessage();
  message.setId(idMessage(id));
  if (type !== undefined) message.getMetadataMap().set("type", type);
  if (contentType !== undefined) message.getMetadataMap().set("content-type", contentType);
  message.setData(data);
  message.setCustomMetadata(metadata);
  return message;
};

const encoded = (chunk: AnyChunk): Buffer => {
  const request = new streams.BatchAppendReq();
  request.setCorrelationId(idMessage(chunk.correlationId));
  if (chunk.options !== undefined) request.setOptions(optionsMessage(chunk.options));
  request.setProposedMessagesList(chunk.proposals.map(proposedMessage));
  request.setIsFinal(chunk.isFinal);
  return Buffer.from(request.serializeBinary());
};

const told = ({ correlationId, options, proposals, isFinal }: BatchChunk) => ({
  correlationId: correlationId?.text,
  options: options && {
    stream: Buffer.from(options.streamName).toString(),
    expected: options.expected,
    deadlineMs: options.deadlineMs,
  },
  proposals: proposals.map(({ data, metadata, ...rest }) => ({
    ...rest,
    data: new Uint8Array(data),
    metadata: new Uint8Array(metadata),
  })),
  isFinal,
});

test("a chunk of a batch says what the protocol's own message says", () => {
  fc.assert(
    fc.property(anyChunk, (chunk) => {
      expect(told(decodeBatchChunk(encoded(chunk)))).toEqual(chunk);
    }),
    { numRuns: 300 },
  );
});

test("an id that was sent as bits is read as text, and goes back as it came", () => {
  const structured = new shared.UUID.Structured();
  structured.setMostSignificantBits("-1");
  structured.setLeastSignificantBits("1");
  const id = new shared.UUID();
  id.setStructured(structured);
  const request = new streams.BatchAppendReq();
  request.setCorrelationId(id);
  const { correlationId } = decodeBatchChunk(Buffer.from(request.serializeBinary()));
  expect(correlationId?.text).toBe("ffffffff-ffff-ffff-0000-000000000001");
  expect(correlationId?.encoded).toEqual(Buffer.from(id.serializeBinary()));
});

test("bytes that are no message are refused, and never read beyond their end", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), anyChunk, (garbage, at, chunk) => {
      const message = encoded(chunk);
      for (const bytes of [Buffer.from(garbage), message.subarray(0, at), Buffer.concat([message, garbage])])
        try {
          decodeBatchChunk(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
    }),
    { numRuns: 1_000 },
  );
});

test("an append is answered as the protocol's own message would answer it", () => {
  const anyRevision = fc.oneof(fc.maxSafeNat(), fc.constantFrom(noRevision, tombstoneRevision));
  const anyPosition = fc.option(fc.maxSafeNat(), { nil: undefined });
  fc.assert(
    fc.property(fc.uuid(), anyText, anyRevision, anyPosition, (id, stream, revision, position) => {
      const [correlationId, identifier] = [idMessage(id), identifierOf(stream)];
      const bytes = batchAppended(
        {
          correlationId: Buffer.from(correlationId.serializeBinary()),
          stream: Buffer.from(identifier.serializeBinary()),
        },
        { kind: "written", revision, position },
      );
      const response = streams.BatchAppendResp.deserializeBinary(bytes);
      expect(response.getCorrelationId()?.getString()).toBe(id);
      expect(Buffer.from(response.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString()).toBe(stream);
      const success = response.getSuccess();
      expect(success?.hasNoStream()).toBe(revision === noRevision);
      const expected = revision === tombstoneRevision ? "9223372036854775807" : String(revision);
      if (revision !== noRevision) expect(success?.getCurrentRevision()).toBe(expected);
      expect(success?.hasNoPosition()).toBe(position === undefined);
      if (position === undefined) return;
      expect(success?.getPosition()?.getCommitPosition()).toBe(String(position));
      expect(success?.getPosition()?.getPreparePosition()).toBe(String(position));
    }),
    { numRuns: 300 },
  );
});
