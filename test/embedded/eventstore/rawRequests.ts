import { randomUUID } from "node:crypto";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import type { StreamsClient } from "@eventstore/db-client/generated/streams_grpc_pb.js";
import type { AppendResp, BatchAppendReq, BatchAppendResp } from "@eventstore/db-client/generated/streams_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import { type Client, credentials, type ServiceError } from "@grpc/grpc-js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { onTestFinished } from "vitest";
import type { EmbeddedEventStore } from "../../../src/embedded/eventStore.ts";

/*
 * Requests below the official client, for what that one cannot be made to send.
 */

export const nothing = new shared.Empty();

export const addressOf = ({ url }: EmbeddedEventStore): string => new URL(url.replace("esdb:", "http:")).host;

export function bareClient<C extends Client>(
  store: EmbeddedEventStore,
  make: new (address: string, channel: ReturnType<typeof credentials.createInsecure>) => C,
): C {
  const client = new make(addressOf(store), credentials.createInsecure());
  onTestFinished(() => client.close());
  return client;
}

export function uuid(text: string) {
  const id = new shared.UUID();
  id.setString(text);
  return id;
}

export function identifier(name: string | Uint8Array) {
  const message = new shared.StreamIdentifier();
  message.setStreamName(Buffer.from(name));
  return message;
}

export type Proposed = {
  readonly id?: string | undefined;
  readonly type?: string | undefined;
  readonly contentType?: string | undefined;
  readonly data?: Uint8Array;
  readonly metadata?: Uint8Array;
};

type ProposedMessage = InstanceType<
  typeof streams.AppendReq.ProposedMessage | typeof streams.BatchAppendReq.ProposedMessage
>;

/** What a proposed event leaves out has a value that would do. */
function fill<Message extends ProposedMessage>(message: Message, event: Proposed): Message {
  const { id = randomUUID(), type = "Proposed", contentType = "application/octet-stream" } = event;
  message.setId(uuid(id));
  message.getMetadataMap().set("type", type).set("content-type", contentType);
  message.setData(event.data ?? new Uint8Array());
  message.setCustomMetadata(event.metadata ?? new Uint8Array());
  return message;
}

/** The messages of one Append call, expecting any revision. */
export function appendMessages(stream: string | Uint8Array, events: readonly Proposed[]) {
  const options = new streams.AppendReq.Options();
  options.setStreamIdentifier(identifier(stream));
  options.setAny(nothing);
  const first = new streams.AppendReq();
  first.setOptions(options);
  const proposals = events.map((event) => {
    const message = new streams.AppendReq();
    message.setProposedMessage(fill(new streams.AppendReq.ProposedMessage(), event));
    return message;
  });
  return [first, ...proposals];
}

/** How the server answers an Append call of just these messages. */
export const appended = (client: StreamsClient, messages: readonly InstanceType<typeof streams.AppendReq>[]) =>
  new Promise<AppendResp | ServiceError>((resolve) => {
    const call = client.append((error, answer) => resolve(error ?? answer));
    call.on("error", () => {});
    for (const message of messages) call.write(message);
    call.end();
  });

/** The first chunk of a batch, expecting any revision. */
export function firstChunk(stream: string | Uint8Array, events: readonly Proposed[], isFinal: boolean) {
  const options = new streams.BatchAppendReq.Options();
  options.setStreamIdentifier(identifier(stream));
  options.setAny(new empty.Empty());
  const chunk = nextChunk(randomUUID(), events, isFinal);
  chunk.setOptions(options);
  return chunk;
}

export function nextChunk(correlationId: string, events: readonly Proposed[], isFinal: boolean): BatchAppendReq {
  const chunk = new streams.BatchAppendReq();
  chunk.setCorrelationId(uuid(correlationId));
  chunk.setProposedMessagesList(events.map((event) => fill(new streams.BatchAppendReq.ProposedMessage(), event)));
  chunk.setIsFinal(isFinal);
  return chunk;
}

/** How the server answers one whole batch. */
export const batchAppended = (client: StreamsClient, chunk: BatchAppendReq) =>
  new Promise<BatchAppendResp>((resolve, reject) => {
    const call = client.batchAppend();
    call.on("error", reject);
    call.on("data", (answer: BatchAppendResp) => {
      resolve(answer);
      call.end();
    });
    call.write(chunk);
  });

export type ReadOptions = InstanceType<typeof streams.ReadReq.Options>;

/** A read of everything in a stream, or of all streams, as `change` makes it. */
export function readRequest(stream: string | undefined, change: (options: ReadOptions) => void = () => {}) {
  const options = new streams.ReadReq.Options();
  if (stream === undefined) {
    const all = new streams.ReadReq.Options.AllOptions();
    all.setStart(nothing);
    options.setAll(all);
  } else {
    const one = new streams.ReadReq.Options.StreamOptions();
    one.setStreamIdentifier(identifier(stream));
    one.setStart(nothing);
    options.setStream(one);
  }
  const form = new streams.ReadReq.Options.UUIDOption();
  form.setString(nothing);
  options.setUuidOption(form);
  options.setCount(String(Number.MAX_SAFE_INTEGER));
  options.setNoFilter(nothing);
  change(options);
  const request = new streams.ReadReq();
  request.setOptions(options);
  return request;
}

/** A subscription to all streams from the beginning. */
export const subscriptionToAll = () =>
  readRequest(undefined, (options) => options.setSubscription(new streams.ReadReq.Options.SubscriptionOptions()));
