import type { UUID } from "@eventstore/db-client/generated/shared_pb.js";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import type { ReadResp } from "@eventstore/db-client/generated/streams_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";

/** How ids are written on the wire: as text, or as the two halves of their bits. */
export type IdForm = "string" | "structured";

export function idMessage(id: string, form: IdForm): UUID {
  const message = new shared.UUID();
  if (form === "string") {
    message.setString(id);
    return message;
  }
  const digits = id.replaceAll("-", "");
  const half = (hex: string) => BigInt.asIntN(64, BigInt(`0x${hex}`)).toString();
  const structured = new shared.UUID.Structured();
  structured.setMostSignificantBits(half(digits.slice(0, 16)));
  structured.setLeastSignificantBits(half(digits.slice(16)));
  message.setStructured(structured);
  return message;
}

function identifier(stream: string) {
  const message = new shared.StreamIdentifier();
  message.setStreamName(Buffer.from(stream));
  return message;
}

export function streamNotFoundResponse(stream: string): ReadResp {
  const notFound = new streams.ReadResp.StreamNotFound();
  notFound.setStreamIdentifier(identifier(stream));
  const response = new streams.ReadResp();
  response.setStreamNotFound(notFound);
  return response;
}

export function firstRevisionResponse(revision: number): ReadResp {
  const response = new streams.ReadResp();
  response.setFirstStreamPosition(String(revision));
  return response;
}

export function lastRevisionResponse(revision: number): ReadResp {
  const response = new streams.ReadResp();
  response.setLastStreamPosition(String(revision));
  return response;
}

export function confirmationResponse(subscriptionId: string): ReadResp {
  const confirmation = new streams.ReadResp.SubscriptionConfirmation();
  confirmation.setSubscriptionId(subscriptionId);
  const response = new streams.ReadResp();
  response.setConfirmation(confirmation);
  return response;
}

export function checkpointResponse(position: number): ReadResp {
  const checkpoint = new streams.ReadResp.Checkpoint();
  checkpoint.setCommitPosition(String(position));
  checkpoint.setPreparePosition(String(position));
  const response = new streams.ReadResp();
  response.setCheckpoint(checkpoint);
  return response;
}

export function caughtUpResponse(): ReadResp {
  const response = new streams.ReadResp();
  response.setCaughtUp(new streams.ReadResp.CaughtUp());
  return response;
}
