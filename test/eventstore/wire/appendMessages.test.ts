import { randomUUID } from "node:crypto";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import rpcStatus from "@eventstore/db-client/generated/status_pb.js";
import messages from "@eventstore/db-client/generated/streams_pb.js";
import fc from "fast-check";
import any from "google-protobuf/google/protobuf/any_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { describe, expect, test } from "vitest";
import { AppendAnswerLost, noStream } from "../../../src/eventstore/store.ts";
import { decodeAppendAnswer, encodeAppend } from "../../../src/eventstore/wire/appendMessages.ts";
import { uuidMessage } from "./uuidMessage.ts";

const text = fc.string({ unit: "binary", maxLength: 300 }).map((string) => string.toWellFormed());
const content = fc.oneof(text, fc.uint8Array({ maxLength: 300 }));
const request = fc.record({
  correlationId: fc.uuid(),
  stream: text,
  expected: fc.oneof(fc.constant(noStream), fc.bigInt(0n, 2n ** 53n - 1n)),
  deadlineMs: fc.nat({ max: 2 ** 45 }),
  events: fc.array(fc.record({ id: fc.uuid(), type: text, isJson: fc.boolean(), data: content, metadata: content }), {
    maxLength: 5,
  }),
});

const bufferOf = (it: string | Uint8Array) => (typeof it === "string" ? Buffer.from(it) : Buffer.from(it));

test("what is asked is what the protocol's own classes read", () => {
  fc.assert(
    fc.property(request, (asked) => {
      const read = messages.BatchAppendReq.deserializeBinary(encodeAppend(asked));
      const options = read.getOptions();
      expect(read.getCorrelationId()?.getString()).toBe(asked.correlationId);
      expect(Buffer.from(options?.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString()).toBe(asked.stream);
      expect(options?.hasNoStream()).toBe(asked.expected === noStream);
      if (asked.expected !== noStream) expect(options?.getStreamPosition()).toBe(asked.expected.toString());
      expect(options?.getDeadline()?.toDate().getTime()).toBe(asked.deadlineMs);
      expect(read.getIsFinal()).toBe(true);
      const events = read.getProposedMessagesList().map((event) => ({
        id: event.getId()?.getString(),
        properties: new Map(event.getMetadataMap().getEntryList()),
        data: Buffer.from(event.getData_asU8()),
        metadata: Buffer.from(event.getCustomMetadata_asU8()),
      }));
      expect(events).toEqual(
        asked.events.map(({ id, type, isJson, data, metadata }) => ({
          id,
          properties: new Map([
            ["type", type],
            ["content-type", isJson ? "application/json" : "application/octet-stream"],
          ]),
          data: bufferOf(data),
          metadata: bufferOf(metadata),
        })),
      );
    }),
    { numRuns: 300 },
  );
});

const answerTo = (id: string, form: "text" | "structured") =>
  new messages.BatchAppendResp()
    .setCorrelationId(uuidMessage(id, form))
    .setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from("draw-1")))
    .setAny(new empty.Empty());

describe("an answer", () => {
  test("says where the append ended, whichever way the server writes ids and whatever else it says", () => {
    const number = fc.bigInt(0n, 2n ** 63n - 1n);
    fc.assert(
      fc.property(fc.uuid(), fc.constantFrom("text", "structured"), number, number, (id, form, revision, position) => {
        const success = new messages.BatchAppendResp.Success()
          .setCurrentRevision(revision.toString())
          .setPosition(
            new shared.AllStreamPosition()
              .setCommitPosition(position.toString())
              .setPreparePosition(position.toString()),
          );
        const bytes = Buffer.from(answerTo(id, form).setSuccess(success).serializeBinary());
        expect(decodeAppendAnswer(bytes)).toEqual({ correlationId: id, outcome: { revision, position } });
      }),
      { numRuns: 300 },
    );
  });

  const refusal = (type: string) => {
    const id = randomUUID();
    const details = new any.Any();
    details.setTypeUrl(`type.googleapis.com/event_store.client.${type}`);
    const error = new rpcStatus.Status().setCode(6).setMessage("for this reason").setDetails(details);
    const answer = decodeAppendAnswer(Buffer.from(answerTo(id, "text").setError(error).serializeBinary()));
    expect(answer.correlationId).toBe(id);
    return answer.outcome;
  };

  test("that names another revision is a conflict", () => {
    expect(refusal("WrongExpectedVersion")).toBe("conflict");
  });

  test.each(["Timeout", "Unknown"])("of the kind %s leaves open whether the append happened", (type) => {
    expect(refusal(type)).toBeInstanceOf(AppendAnswerLost);
  });

  test.each(["StreamDeleted", "MaximumAppendSizeExceeded", "AccessDenied"])("of the kind %s is final", (type) => {
    expect(refusal(type)).toMatchObject({
      name: "AppendRefused",
      message: `the event store refused an append: ${type} for this reason`,
    });
  });
});
