import shared from "@eventstore/db-client/generated/shared_pb.js";
import type { AppendResp, DeleteResp, TombstoneResp } from "@eventstore/db-client/generated/streams_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import { type ExpectedRevision, noRevision, tombstoneRevision } from "../event.ts";
import type { WriteOutcome } from "../streams/writes.ts";

const greatestInt64 = "9223372036854775807";

export const revisionText = (revision: number): string =>
  revision === tombstoneRevision ? greatestInt64 : String(revision);

export type Written = Extract<WriteOutcome, { kind: "written" }>;

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
