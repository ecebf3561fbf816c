import type { ReadResp as PersistentReadResp } from "@eventstore/db-client/generated/persistent_pb.js";
import type { UUID } from "@eventstore/db-client/generated/shared_pb.js";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import type { ReadResp } from "@eventstore/db-client/generated/streams_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import { type RecordedEvent, tombstoneRevision } from "./event.ts";
import type { ResolvedEvent } from "./links.ts";

/** How ids are written on the wire: as text, or as the two halves of their bits. */
export type IdForm = "string" | "structured";

export function eventResponse({ event, link }: ResolvedEvent, idForm: IdForm): ReadResp {
  const message = new streams.ReadResp.ReadEvent();
  if (event !== undefined) message.setEvent(recorded(new RecordedMessage(), event, idForm));
  if (link !== undefined) message.setLink(recorded(new RecordedMessage(), link, idForm));
  message.setCommitPosition(String((link ?? event)?.position));
  const response = new streams.ReadResp();
  response.setEvent(message);
  return response;
}

const { RecordedEvent: RecordedMessage } = streams.ReadResp.ReadEvent;

type AnyRecordedMessage = ReadResp.ReadEvent.RecordedEvent | PersistentReadResp.ReadEvent.RecordedEvent;

/** Fills in what the message of each service says about an event, and returns it. */
export function recorded<M extends AnyRecordedMessage>(message: M, event: RecordedEvent, idForm: IdForm): M {
  message.setId(idMessage(event.id, idForm));
  message.setStreamIdentifier(identifier(event.stream));
  message.setStreamRevision(event.revision === tombstoneRevision ? "9223372036854775807" : String(event.revision));
  message.setPreparePosition(String(event.position));
  message.setCommitPosition(String(event.position));
  message.getMetadataMap().set("type", event.type);
  message.getMetadataMap().set("created", `${event.createdMs}0000`);
  message.getMetadataMap().set("content-type", event.isJson ? "application/json" : "application/octet-stream");
  message.setCustomMetadata(event.metadata);
  message.setData(event.data);
  return message;
}

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
