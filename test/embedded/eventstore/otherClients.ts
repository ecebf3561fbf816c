import shared, { type UUID } from "@eventstore/db-client/generated/shared_pb.js";
import type { StreamsClient } from "@eventstore/db-client/generated/streams_grpc_pb.js";
import type { AppendResp, ReadResp } from "@eventstore/db-client/generated/streams_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import { identifier, nothing, type ReadOptions, readRequest } from "./rawRequests.ts";

/* What the clients of other languages send and the official JavaScript client never does. */

/** An id as the two halves of its bits. */
export const structuredId = (id: string) => {
  const digits = id.replaceAll("-", "");
  const structured = new shared.UUID.Structured();
  structured.setMostSignificantBits(BigInt.asIntN(64, BigInt(`0x${digits.slice(0, 16)}`)).toString());
  structured.setLeastSignificantBits(BigInt.asIntN(64, BigInt(`0x${digits.slice(16)}`)).toString());
  const message = new shared.UUID();
  message.setStructured(structured);
  return message;
};

export const structuredIds = (options: ReadOptions) => {
  const form = new streams.ReadReq.Options.UUIDOption();
  form.setStructured(nothing);
  options.setUuidOption(form);
};

/** Everything that a read is answered with. */
export const readBy = (
  client: StreamsClient,
  stream: string | undefined,
  change: (options: ReadOptions) => void = () => {},
) =>
  new Promise<ReadResp[]>((resolve, reject) => {
    const responses: ReadResp[] = [];
    const call = client.read(readRequest(stream, change));
    call.on("data", (response: ReadResp) => responses.push(response));
    call.once("error", reject);
    call.once("end", () => resolve(responses));
  });

function proposed(id: UUID, type = "Numbered") {
  const message = new streams.AppendReq.ProposedMessage();
  message.setId(id);
  message.getMetadataMap().set("type", type).set("content-type", "application/json");
  message.setData(Buffer.from('{"n":1}'));
  return message;
}

/** Begins an append of the protocol's first form, message by message. */
export function beginAppend(client: StreamsClient, stream: string, metadata = new Metadata()) {
  let settle = (_: AppendResp | ServiceError): void => {};
  const answer = new Promise<AppendResp | ServiceError>((resolve) => {
    settle = resolve;
  });
  const call = client.append(metadata, (error, response) => settle(error ?? response));
  call.on("error", () => {});
  const options = new streams.AppendReq.Options();
  options.setStreamIdentifier(identifier(stream));
  options.setAny(nothing);
  const first = new streams.AppendReq();
  first.setOptions(options);
  call.write(first);
  const propose = (id: UUID) => {
    const next = new streams.AppendReq();
    next.setProposedMessage(proposed(id));
    return new Promise((resolve) => call.write(next, resolve));
  };
  return { call, propose, answer };
}
