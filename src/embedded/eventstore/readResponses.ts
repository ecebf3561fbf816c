import shared from "@eventstore/db-client/generated/shared_pb.js";
import type { ReadResp } from "@eventstore/db-client/generated/streams_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import { type RecordedEvent, tombstoneRevision } from "./event.ts";
import type { ResolvedEvent } from "./links.ts";

export function eventResponse({ event, link }: ResolvedEvent): ReadResp {
  const message = new streams.ReadResp.ReadEvent();
  if (event !== undefined) message.setEvent(recorded(event));
  if (link !== undefined) message.setLink(recorded(link));
  message.setCommitPosition(String((link ?? event)?.position));
  const response = new streams.ReadResp();
  response.setEvent(message);
  return response;
}

function recorded(event: RecordedEvent): ReadResp.ReadEvent.RecordedEvent {
  const message = new streams.ReadResp.ReadEvent.RecordedEvent();
  const id = new shared.UUID();
  id.setString(event.id);
  message.setId(id);
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
