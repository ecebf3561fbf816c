import { StreamsService } from "@eventstore/db-client/generated/streams_grpc_pb.js";
import type { Message } from "google-protobuf";
import { decodeBatchChunk } from "./batchChunk.ts";

export const encode = (message: Message): Buffer => {
  const bytes = message.serializeBinary();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
};

const asIs = (encoded: Buffer): Buffer => encoded;

/**
 * The service whose streaming responses are handed to gRPC encoded, so that their size is known while they wait, and
 * whose appends are decoded by us.
 */
export const streamsDefinition = {
  ...StreamsService,
  read: { ...StreamsService.read, responseSerialize: asIs },
  batchAppend: { ...StreamsService.batchAppend, requestDeserialize: decodeBatchChunk, responseSerialize: asIs },
};
