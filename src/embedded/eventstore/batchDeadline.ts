import type { BatchAppendReq } from "@eventstore/db-client/generated/streams_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import protobuf from "google-protobuf";
import durations from "google-protobuf/google/protobuf/duration_pb.js";
import timestamps from "google-protobuf/google/protobuf/timestamp_pb.js";

/** `BatchAppendReq.options` and `Options.deadline` in the protocol since 21.10.1. */
const optionsField = 2;
const durationField = 7;

/**
 * Decodes a chunk of a batch append. Most clients bound it by a duration, of which the generated messages know nothing;
 * it becomes the point in time that they do know.
 */
export function decodeBatchAppend(bytes: Uint8Array): BatchAppendReq {
  const request = streams.BatchAppendReq.deserializeBinary(bytes);
  const options = request.getOptions();
  if (options === undefined || options.hasDeadline()) return request;
  const encoded = fieldOf(fieldOf(bytes, optionsField), durationField);
  if (encoded === undefined) return request;
  const duration = durations.Duration.deserializeBinary(encoded);
  const endsAtMs = Date.now() + duration.getSeconds() * 1_000 + duration.getNanos() / 1_000_000;
  const deadline = new timestamps.Timestamp();
  deadline.setSeconds(Math.floor(endsAtMs / 1_000));
  deadline.setNanos(Math.floor((endsAtMs % 1_000) * 1_000_000));
  options.setDeadline(deadline);
  return request;
}

function fieldOf(message: Uint8Array | undefined, field: number): Uint8Array | undefined {
  if (message === undefined) return undefined;
  const reader = new protobuf.BinaryReader(message);
  let found: Uint8Array | undefined;
  while (reader.nextField()) {
    if (reader.getFieldNumber() === field) found = reader.readBytes();
    else reader.skipField();
  }
  return found;
}
