import messages from "@eventstore/db-client/generated/streams_pb.js";
import { AppendAnswerLost, type Appended, EventStoreUnavailable, noStream } from "../store.ts";
import { type MessageReader, messageIn, nextField, openMessage, unsignedIn } from "./protobufReader.ts";
import { type MessageWriter, openWriter, putContent, putHeader, putNumber, written } from "./protobufWriter.ts";
import { uuidIn } from "./uuid.ts";

/** An event as it goes over the wire: what its content means is for its writer to know. */
export type ProposedEvent = {
  id: string;
  type: string;
  isJson: boolean;
  data: string | Uint8Array;
  metadata: string | Uint8Array;
};

type AppendRequest = {
  correlationId: string;
  stream: string;
  expected: bigint;
  /** On the clock of `Date.now`: afterwards the server does not begin the append any more. */
  deadlineMs: number;
  events: readonly ProposedEvent[];
};

/** A stream that was closed for good, an event too large, no permission: sending it again would not help. */
class AppendRefused extends Error {
  override readonly name = "AppendRefused";
}

const field = {
  request: { correlationId: 1, options: 2, proposed: 3, isFinal: 4 },
  options: { stream: 1, position: 2, noStream: 3, deadline: 6 },
  timestamp: { seconds: 1, nanoseconds: 2 },
  proposed: { id: 1, property: 2, metadata: 3, data: 4 },
  property: { name: 1, value: 2 },
  streamName: 3,
  uuidText: 2,
  answer: { correlationId: 1, success: 3 },
  success: { revision: 1, position: 3 },
  position: { commit: 1 },
};

/** What the message's own fields take at most, and those around an event's. */
const overheadBytes = 200;
const utf8BytesMax = 3;

/** A whole `BatchAppendReq`, written byte by byte: the generated classes take four times as long. */
export const encodeAppend = ({ correlationId, stream, expected, deadlineMs, events }: AppendRequest): Buffer => {
  const { request, options, timestamp } = field;
  const out = openWriter(
    events.reduce((sum, event) => sum + sizeOf(event), overheadBytes + stream.length * utf8BytesMax),
  );
  putNumber(out, request.isFinal, 1);
  for (const event of events.toReversed()) putProposed(out, event);
  const optionsEnd = out.at;
  putNumber(out, timestamp.nanoseconds, (deadlineMs % 1_000) * 1_000_000);
  putNumber(out, timestamp.seconds, Math.floor(deadlineMs / 1_000));
  putHeader(out, options.deadline, optionsEnd);
  if (expected === noStream) putHeader(out, options.noStream, out.at);
  else putNumber(out, options.position, Number(expected));
  putWithin(out, options.stream, field.streamName, stream);
  putHeader(out, request.options, optionsEnd);
  putWithin(out, request.correlationId, field.uuidText, correlationId);
  return written(out);
};

const sizeOf = ({ type, data, metadata }: ProposedEvent): number =>
  overheadBytes + type.length * utf8BytesMax + Buffer.byteLength(data) + Buffer.byteLength(metadata);

const putProposed = (out: MessageWriter, { id, type, isJson, data, metadata }: ProposedEvent): void => {
  const { proposed } = field;
  const end = out.at;
  putContent(out, proposed.data, data);
  putContent(out, proposed.metadata, metadata);
  putProperty(out, "content-type", isJson ? "application/json" : "application/octet-stream");
  putProperty(out, "type", type);
  putWithin(out, proposed.id, field.uuidText, id);
  putHeader(out, field.request.proposed, end);
};

const putProperty = (out: MessageWriter, name: string, value: string): void => {
  const end = out.at;
  putContent(out, field.property.value, value);
  putContent(out, field.property.name, name);
  putHeader(out, field.proposed.property, end);
};

/** A message that has this one text. */
const putWithin = (out: MessageWriter, outer: number, inner: number, text: string): void => {
  const end = out.at;
  putContent(out, inner, text);
  putHeader(out, outer, end);
};

type AppendAnswer = { correlationId: string; outcome: Appended | "conflict" | Error };

/** A `BatchAppendResp`. What is no success is rare, and read with the generated classes. */
export const decodeAppendAnswer = (bytes: Buffer): AppendAnswer => {
  const { answer } = field;
  const message = openMessage(bytes);
  let correlationId = "";
  let outcome: Appended | undefined;
  while (nextField(message)) {
    if (message.field === answer.correlationId) correlationId = uuidIn(message);
    else if (message.field === answer.success) outcome = appendedIn(messageIn(message));
  }
  return { correlationId, outcome: outcome ?? refusalIn(bytes) };
};

const appendedIn = (success: MessageReader): Appended => {
  let revision = 0n;
  let position = -1n;
  while (nextField(success)) {
    if (success.field === field.success.revision) revision = unsignedIn(success);
    else if (success.field === field.success.position) position = commitIn(messageIn(success));
  }
  return { revision, position };
};

const commitIn = (position: MessageReader): bigint => {
  let commit = 0n;
  while (nextField(position)) if (position.field === field.position.commit) commit = unsignedIn(position);
  return commit;
};

const refusalIn = (bytes: Buffer): "conflict" | Error => {
  const error = messages.BatchAppendResp.deserializeBinary(bytes).getError();
  const kind = error?.getDetails()?.getTypeName().split(".").at(-1);
  if (kind === "WrongExpectedVersion") return "conflict";
  const message = `the event store refused an append: ${kind} ${error?.getMessage()}`;
  // NotHandled has no details: the node is not ready, or too busy, and has written nothing.
  if (kind === "Empty") return new EventStoreUnavailable(message);
  return kind === "Timeout" || kind === "Unknown" ? new AppendAnswerLost(message) : new AppendRefused(message);
};
