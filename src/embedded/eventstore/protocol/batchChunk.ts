import shared from "@eventstore/db-client/generated/shared_pb.js";
import type { ExpectedRevision } from "../event.ts";
import {
  type MessageReader,
  nextField,
  openReader,
  readBytes,
  readNested,
  readNumber,
  readSigned,
  readText,
  skipField,
} from "./protobufReader.ts";
import { type EventProposal, uuid } from "./requests.ts";

/**
 * A `BatchAppendReq`, taken apart without the generated messages, which cost more than all else that is done for an
 * append but its flush, and which know nothing of a deadline that is a duration.
 */
export type BatchChunk = {
  /** Undefined when the chunk belongs to nothing that could be answered. */
  readonly correlationId: Id | undefined;
  /** The first chunk of a batch has them. */
  readonly options: BatchOptions | undefined;
  readonly proposals: readonly EventProposal[];
  readonly isFinal: boolean;
};

/** As it was sent, to be sent back, and what it says. */
type Id = { readonly encoded: Buffer; readonly text: string };

type BatchOptions = {
  /** The `StreamIdentifier` as it was sent. */
  readonly streamIdentifier: Buffer | undefined;
  readonly streamName: Uint8Array;
  readonly expected: ExpectedRevision | undefined;
  /** By the clock of `Date.now`. */
  readonly deadlineMs: number | undefined;
};

type Writable<T> = { -readonly [key in keyof T]: T[key] };

export function decodeBatchChunk(bytes: Buffer): BatchChunk {
  const proposals: EventProposal[] = [];
  const chunk: Writable<BatchChunk> = { correlationId: undefined, options: undefined, proposals, isFinal: false };
  const reader = openReader(bytes);
  while (nextField(reader)) {
    if (reader.field === 1) chunk.correlationId = readId(reader);
    else if (reader.field === 2) chunk.options = readOptions(readNested(reader));
    else if (reader.field === 3) proposals.push(readProposal(readNested(reader)));
    else if (reader.field === 4) chunk.isFinal = readNumber(reader) !== 0;
    else skipField(reader);
  }
  return chunk;
}

function readId(reader: MessageReader): Id {
  const encoded = readBytes(reader);
  return { encoded, text: idText(openReader(encoded)) };
}

function idText(reader: MessageReader): string {
  let text = "";
  while (nextField(reader)) {
    if (reader.field === 2) text = readText(reader).toLowerCase();
    else if (reader.field === 1) return uuid(shared.UUID.deserializeBinary(reader.bytes.subarray(0, reader.end)));
    else skipField(reader);
  }
  return text;
}

function readOptions(reader: MessageReader): BatchOptions {
  const options: Writable<BatchOptions> = {
    streamIdentifier: undefined,
    streamName: new Uint8Array(),
    expected: undefined,
    deadlineMs: undefined,
  };
  while (nextField(reader)) {
    if (reader.field === 1) {
      options.streamIdentifier = readBytes(reader);
      options.streamName = readStreamName(openReader(options.streamIdentifier));
    } else if (reader.field === 2) options.expected = readNumber(reader);
    else if (reader.field <= 5) options.expected = readState(reader);
    else if (reader.field === 6) options.deadlineMs = readMilliseconds(readNested(reader));
    else if (reader.field === 7) options.deadlineMs = Date.now() + readMilliseconds(readNested(reader));
    else skipField(reader);
  }
  return options;
}

function readStreamName(reader: MessageReader): Uint8Array {
  let name: Uint8Array = new Uint8Array();
  while (nextField(reader)) {
    if (reader.field === 3) name = readBytes(reader);
    else skipField(reader);
  }
  return name;
}

function readState(reader: MessageReader): ExpectedRevision {
  skipField(reader);
  if (reader.field === 3) return "no_stream";
  return reader.field === 4 ? "any" : "stream_exists";
}

/** Of a `Timestamp` since 1970, of a `Duration` in all. */
function readMilliseconds(reader: MessageReader): number {
  let milliseconds = 0;
  while (nextField(reader)) {
    if (reader.field === 1) milliseconds += readSigned(reader) * 1_000;
    else if (reader.field === 2) milliseconds += readSigned(reader) / 1_000_000;
    else skipField(reader);
  }
  return milliseconds;
}

const nothing = new Uint8Array();

function readProposal(reader: MessageReader): EventProposal {
  const proposal: Writable<EventProposal> = {
    id: "",
    type: undefined,
    contentType: undefined,
    data: nothing,
    metadata: nothing,
  };
  while (nextField(reader)) {
    if (reader.field === 1) proposal.id = idText(openReader(readBytes(reader)));
    else if (reader.field === 2) readProperty(readNested(reader), proposal);
    else if (reader.field === 3) proposal.metadata = readBytes(reader);
    else if (reader.field === 4) proposal.data = readBytes(reader);
    else skipField(reader);
  }
  return proposal;
}

function readProperty(reader: MessageReader, proposal: Writable<EventProposal>): void {
  let name = "";
  let value = "";
  while (nextField(reader)) {
    if (reader.field === 1) name = readText(reader);
    else if (reader.field === 2) value = readText(reader);
    else skipField(reader);
  }
  if (name === "type") proposal.type = value;
  else if (name === "content-type") proposal.contentType = value;
}
