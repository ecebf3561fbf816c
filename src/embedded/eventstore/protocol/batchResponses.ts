import type { StreamIdentifier } from "@eventstore/db-client/generated/shared_pb.js";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import status from "@eventstore/db-client/generated/status_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import type { Message } from "google-protobuf";
import any from "google-protobuf/google/protobuf/any_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { type ExpectedRevision, noRevision, tombstoneRevision } from "../event.ts";
import {
  type MessageWriter,
  openWriter,
  putBytes,
  putGreatestInt64,
  putHeader,
  putNumber,
  written,
} from "./protobufWriter.ts";
import { revisionText, type Written } from "./responses.ts";

/** The batch's correlation id and its stream's identifier, encoded as they came. */
export type BatchAddress = { readonly correlationId: Buffer; readonly stream: Buffer | undefined };

const field = {
  response: { correlationId: 1, success: 3, stream: 4 },
  success: { revision: 1, noStream: 2, position: 3, noPosition: 4 },
  position: { commit: 1, prepare: 2 },
};

/** What the numbers and tags of a success take at most. */
const overheadBytes = 100;

/** Written byte by byte, as there is one for each append. */
export function batchAppended({ correlationId, stream }: BatchAddress, { revision, position }: Written): Buffer {
  const out = openWriter(overheadBytes + correlationId.length + (stream?.length ?? 0));
  if (stream !== undefined) putBytes(out, field.response.stream, stream);
  const end = out.at;
  if (position === undefined) putEmpty(out, field.success.noPosition);
  else putPosition(out, position);
  if (revision === noRevision) putEmpty(out, field.success.noStream);
  else if (revision === tombstoneRevision) putGreatestInt64(out, field.success.revision);
  else putNumber(out, field.success.revision, revision);
  putHeader(out, field.response.success, end);
  putBytes(out, field.response.correlationId, correlationId);
  return written(out);
}

const putEmpty = (out: MessageWriter, number: number): void => putHeader(out, number, out.at);

// One number is both positions: the store has a single log.
function putPosition(out: MessageWriter, position: number): void {
  const end = out.at;
  putNumber(out, field.position.prepare, position);
  putNumber(out, field.position.commit, position);
  putHeader(out, field.success.position, end);
}

/** Why one batch was refused; each has a message type of its own by which clients tell them apart. */
export type BatchRefusal =
  | { readonly kind: "wrongExpectedRevision"; readonly expected: ExpectedRevision; readonly current: number }
  | { readonly kind: "streamDeleted" }
  | { readonly kind: "accessDenied" }
  | { readonly kind: "timeout" }
  | { readonly kind: "maximumAppendSizeExceeded"; readonly maximumBytes: number }
  | { readonly kind: "badRequest"; readonly message: string }
  | { readonly kind: "unknown"; readonly message: string };

const packagePrefix = "event_store.client.";

export function batchRefused({ correlationId, stream }: BatchAddress, refusal: BatchRefusal): Buffer {
  const identifier = stream && shared.StreamIdentifier.deserializeBinary(stream);
  const { code, type, detail, message } = refusalDetails(identifier, refusal);
  const packed = new any.Any();
  packed.pack(detail.serializeBinary(), packagePrefix + type);
  const error = new status.Status();
  error.setCode(code);
  error.setMessage(message);
  error.setDetails(packed);
  const response = new streams.BatchAppendResp();
  response.setCorrelationId(shared.UUID.deserializeBinary(correlationId));
  if (identifier !== undefined) response.setStreamIdentifier(identifier);
  response.setError(error);
  return Buffer.from(response.serializeBinary());
}

type RefusalDetails = {
  readonly code: number;
  readonly type: string;
  readonly detail: Message;
  readonly message: string;
};

function refusalDetails(stream: StreamIdentifier | undefined, refusal: BatchRefusal): RefusalDetails {
  switch (refusal.kind) {
    case "wrongExpectedRevision":
      return {
        code: 6,
        type: "WrongExpectedVersion",
        detail: batchConflict(refusal),
        message: "Wrong expected version",
      };
    case "streamDeleted": {
      const detail = new shared.StreamDeleted();
      if (stream !== undefined) detail.setStreamIdentifier(stream);
      return { code: 5, type: "StreamDeleted", detail, message: "Stream deleted" };
    }
    case "accessDenied":
      return { code: 7, type: "AccessDenied", detail: new shared.AccessDenied(), message: "Access denied" };
    case "timeout":
      return { code: 4, type: "Timeout", detail: new shared.Timeout(), message: "Timeout" };
    case "maximumAppendSizeExceeded": {
      const detail = new shared.MaximumAppendSizeExceeded();
      detail.setMaxappendsize(refusal.maximumBytes);
      return { code: 3, type: "MaximumAppendSizeExceeded", detail, message: "Maximum append size exceeded" };
    }
    case "badRequest": {
      const detail = new shared.BadRequest();
      detail.setMessage(refusal.message);
      return { code: 3, type: "BadRequest", detail, message: refusal.message };
    }
    case "unknown":
      return { code: 2, type: "Unknown", detail: new shared.Unknown(), message: refusal.message };
    default:
      return refusal satisfies never;
  }
}

function batchConflict({ expected, current }: Extract<BatchRefusal, { kind: "wrongExpectedRevision" }>): Message {
  const conflict = new shared.WrongExpectedVersion();
  if (current === noRevision) conflict.setCurrentNoStream(new empty.Empty());
  else conflict.setCurrentStreamRevision(revisionText(current));
  if (expected === "any") conflict.setExpectedAny(new empty.Empty());
  else if (expected === "no_stream") conflict.setExpectedNoStream(new empty.Empty());
  else if (expected === "stream_exists") conflict.setExpectedStreamExists(new empty.Empty());
  else conflict.setExpectedStreamPosition(revisionText(expected));
  return conflict;
}
