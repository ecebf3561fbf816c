import type { StreamIdentifier, UUID } from "@eventstore/db-client/generated/shared_pb.js";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import status from "@eventstore/db-client/generated/status_pb.js";
import type {
  AppendResp,
  BatchAppendResp,
  DeleteResp,
  TombstoneResp,
} from "@eventstore/db-client/generated/streams_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import type { Message } from "google-protobuf";
import any from "google-protobuf/google/protobuf/any_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { type ExpectedRevision, noRevision, tombstoneRevision } from "./event.ts";
import type { WriteOutcome } from "./writes.ts";

const greatestInt64 = "9223372036854775807";

const revisionText = (revision: number): string => (revision === tombstoneRevision ? greatestInt64 : String(revision));

type Written = Extract<WriteOutcome, { kind: "written" }>;

export function appended({ revision, position }: Written): AppendResp {
  const success = new streams.AppendResp.Success();
  if (revision === noRevision) success.setNoStream(new shared.Empty());
  else success.setCurrentRevision(revisionText(revision));
  if (position === undefined) success.setNoPosition(new shared.Empty());
  else success.setPosition(both(new streams.AppendResp.Position(), position));
  const response = new streams.AppendResp();
  response.setSuccess(success);
  return response;
}

export function appendRefused(expected: ExpectedRevision, current: number): AppendResp {
  const wrong = new streams.AppendResp.WrongExpectedVersion();
  if (current === noRevision) wrong.setCurrentNoStream(new shared.Empty());
  else wrong.setCurrentRevision(revisionText(current));
  if (expected === "any") wrong.setExpectedAny(new shared.Empty());
  else if (expected === "no_stream") wrong.setExpectedNoStream(new shared.Empty());
  else if (expected === "stream_exists") wrong.setExpectedStreamExists(new shared.Empty());
  else wrong.setExpectedRevision(revisionText(expected));
  const response = new streams.AppendResp();
  response.setWrongExpectedVersion(wrong);
  return response;
}

export function deleted({ position }: Written): DeleteResp {
  const response = new streams.DeleteResp();
  if (position === undefined) response.setNoPosition(new shared.Empty());
  else response.setPosition(both(new streams.DeleteResp.Position(), position));
  return response;
}

export function tombstoned({ position }: Written): TombstoneResp {
  const response = new streams.TombstoneResp();
  if (position === undefined) response.setNoPosition(new shared.Empty());
  else response.setPosition(both(new streams.TombstoneResp.Position(), position));
  return response;
}

type Position = { setCommitPosition(text: string): unknown; setPreparePosition(text: string): unknown };

// One number is both positions: the store has a single log.
function both<P extends Position>(message: P, position: number): P {
  message.setCommitPosition(String(position));
  message.setPreparePosition(String(position));
  return message;
}

export type BatchAddress = { readonly correlationId: UUID; readonly stream: StreamIdentifier | undefined };

function batchResponse({ correlationId, stream }: BatchAddress): BatchAppendResp {
  const response = new streams.BatchAppendResp();
  response.setCorrelationId(correlationId);
  if (stream !== undefined) response.setStreamIdentifier(stream);
  return response;
}

export function batchAppended(address: BatchAddress, { revision, position }: Written): BatchAppendResp {
  const success = new streams.BatchAppendResp.Success();
  if (revision === noRevision) success.setNoStream(new empty.Empty());
  else success.setCurrentRevision(revisionText(revision));
  if (position === undefined) success.setNoPosition(new empty.Empty());
  else success.setPosition(both(new shared.AllStreamPosition(), position));
  const response = batchResponse(address);
  response.setSuccess(success);
  return response;
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

export function batchRefused(address: BatchAddress, refusal: BatchRefusal): BatchAppendResp {
  const { code, type, detail, message } = refusalDetails(address, refusal);
  const packed = new any.Any();
  packed.pack(detail.serializeBinary(), packagePrefix + type);
  const error = new status.Status();
  error.setCode(code);
  error.setMessage(message);
  error.setDetails(packed);
  const response = batchResponse(address);
  response.setError(error);
  return response;
}

type RefusalDetails = {
  readonly code: number;
  readonly type: string;
  readonly detail: Message;
  readonly message: string;
};

function refusalDetails(address: BatchAddress, refusal: BatchRefusal): RefusalDetails {
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
      if (address.stream !== undefined) detail.setStreamIdentifier(address.stream);
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
