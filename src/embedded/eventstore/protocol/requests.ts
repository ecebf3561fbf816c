import { isUtf8 } from "node:buffer";
import type { StreamIdentifier, UUID } from "@eventstore/db-client/generated/shared_pb.js";
import type { AppendReq, ReadReq } from "@eventstore/db-client/generated/streams_pb.js";
import { accessDenied, invalidArgument, missingRequiredMetadata, unknownError } from "../errors.ts";
import type { ExpectedRevision, ProposedEvent } from "../event.ts";
import type { Direction } from "../storage/pages.ts";
import type { FilterRequest } from "../streams/filters.ts";
import type { From } from "../streams/reads.ts";
import type { IdForm } from "./readResponses.ts";

export type ReadRequest = {
  /** Undefined for all streams. */
  readonly stream: string | undefined;
  readonly from: From;
  readonly direction: Direction;
  readonly resolveLinks: boolean;
  /** Undefined for a subscription. */
  readonly count: number | undefined;
  readonly filter: FilterRequest | undefined;
  readonly idForm: IdForm;
  /** Whether the caller knows the messages that say where a stream begins and ends; older clients do not. */
  readonly wantsStreamBounds: boolean;
};

const windowDefault = 32;
export const nameBytesMax = 4_096;
const nilId = "00000000-0000-0000-0000-000000000000";
const idShape = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Unsigned 64-bit numbers beyond every revision all mean the same: past the end. */
export const integer = (text: string): number => Math.min(Number(text), Number.MAX_SAFE_INTEGER);

const streamName = (identifier: StreamIdentifier | undefined): string => named(optionalStreamName(identifier));

function named(name: string): string {
  if (name === "") throw unknownError("The stream has no name.");
  return name;
}

/** Empty when there is none. */
export const optionalStreamName = (identifier: StreamIdentifier | undefined): string =>
  streamNameIn(identifier?.getStreamName_asU8() ?? new Uint8Array());

function streamNameIn(bytes: Uint8Array): string {
  if (bytes.length > nameBytesMax) throw invalidArgument(`The stream's name is longer than ${nameBytesMax} bytes.`);
  // Replacing what is no text would make one stream of several.
  if (!isUtf8(bytes)) throw invalidArgument("The stream's name is no UTF-8.");
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
}

/** As `streamName`, for requests that write; nobody writes to `$all`. */
export const writableStreamName = (identifier: StreamIdentifier | undefined): string =>
  writable(streamName(identifier));

/** The same, of the bytes that the identifier's name is. */
export const writableStreamNameIn = (bytes: Uint8Array): string => writable(named(streamNameIn(bytes)));

function writable(name: string): string {
  if (name === "$all") throw accessDenied();
  return name;
}

type RevisionOptions = {
  hasRevision(): boolean;
  getRevision(): string;
  hasNoStream(): boolean;
  hasAny(): boolean;
  hasStreamExists(): boolean;
};

export function expectedRevision(options: RevisionOptions): ExpectedRevision {
  if (options.hasRevision()) return integer(options.getRevision());
  if (options.hasNoStream()) return "no_stream";
  if (options.hasAny()) return "any";
  if (options.hasStreamExists()) return "stream_exists";
  return requiredExpectation(undefined);
}

export function requiredExpectation(expected: ExpectedRevision | undefined): ExpectedRevision {
  if (expected === undefined) throw invalidArgument("The expected stream revision is missing.");
  return expected;
}

/** The text form of an id, whichever way it was sent. */
export function uuid(message: UUID | undefined): string {
  const structured = message?.getStructured();
  if (structured === undefined) return (message?.getString() ?? "").toLowerCase();
  const half = (bits: string) => BigInt.asUintN(64, BigInt(bits)).toString(16).padStart(16, "0");
  const hex = half(structured.getMostSignificantBits()) + half(structured.getLeastSignificantBits());
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** What a caller says of an event; `id` as text, empty when it has none. */
export type EventProposal = {
  readonly id: string;
  readonly type: string | undefined;
  readonly contentType: string | undefined;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
};

export function eventProposal(message: AppendReq.ProposedMessage): EventProposal {
  const properties = message.getMetadataMap();
  return {
    id: uuid(message.getId()),
    type: properties.get("type"),
    contentType: properties.get("content-type"),
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  };
}

export function proposedEvent({ id, type, contentType, data, metadata }: EventProposal): ProposedEvent {
  if (type === undefined || contentType === undefined) throw missingRequiredMetadata();
  if (type === "") throw unknownError("The event has no type.");
  if (id === nilId || !idShape.test(id)) throw unknownError("The event id is missing or no UUID.");
  return { id, type, isJson: contentType === "application/json", data, metadata };
}

export function readRequest(message: ReadReq): ReadRequest {
  const options = message.getOptions();
  if (options === undefined) throw invalidArgument("The read has no options.");
  const isSubscription = options.hasSubscription();
  if (!isSubscription && !options.hasCount()) throw invalidArgument("The read has neither a count nor a subscription.");
  const direction = options.getReadDirection() === 1 ? "backwards" : "forwards";
  if (isSubscription && direction === "backwards") throw invalidArgument("A subscription goes forwards.");
  if (!options.hasFilter() && !options.hasNoFilter()) throw invalidArgument("The read has neither a filter nor none.");
  const filter = filterRequest(options.getFilter());
  if (filter !== undefined && options.hasStream()) throw invalidArgument("A stream is read without a filter.");
  const target = readTarget(options);
  if (target.stream !== undefined && target.from === "end" && !isSubscription && direction === "forwards")
    throw unknownError("A stream has nothing to read forwards from its end.");
  return {
    ...target,
    direction,
    resolveLinks: options.getResolveLinks(),
    count: isSubscription ? undefined : integer(options.getCount()),
    filter,
    idForm: idForm(options.getUuidOption()),
    wantsStreamBounds: (options.getControlOption()?.getCompatibility() ?? 0) >= 1,
  };
}

/** The form in which a caller wants the ids of the events that it is sent. */
export function idForm(option: { hasStructured(): boolean; hasString(): boolean } | undefined): IdForm {
  if (option?.hasStructured()) return "structured";
  if (option?.hasString()) return "string";
  throw invalidArgument("The form of ids is missing.");
}

function readTarget(options: ReadReq.Options): { readonly stream: string | undefined; readonly from: From } {
  const stream = options.getStream();
  if (stream !== undefined) {
    const name = streamName(stream.getStreamIdentifier());
    if (stream.hasRevision()) return { stream: name, from: integer(stream.getRevision()) };
    return { stream: name, from: edge(stream) };
  }
  const all = options.getAll();
  if (all === undefined) throw invalidArgument("The read names neither a stream nor all streams.");
  const position = all.getPosition();
  if (position !== undefined) return { stream: undefined, from: integer(position.getCommitPosition()) };
  return { stream: undefined, from: edge(all) };
}

function edge(options: { hasStart(): boolean; hasEnd(): boolean }): "start" | "end" {
  if (options.hasStart()) return "start";
  if (options.hasEnd()) return "end";
  throw invalidArgument("The read does not say where it begins.");
}

function filterRequest(filter: ReadReq.Options.FilterOptions | undefined): FilterRequest | undefined {
  if (filter === undefined) return undefined;
  const expression = filter.getStreamIdentifier() ?? filter.getEventType();
  if (expression === undefined) throw invalidArgument("The filter is empty.");
  if (!filter.hasMax() && !filter.hasCount()) throw invalidArgument("The filter has no window.");
  const multiplier = filter.getCheckpointintervalmultiplier();
  if (multiplier < 1) throw invalidArgument("The checkpoint interval multiplier must be at least 1.");
  return {
    on: filter.hasStreamIdentifier() ? "stream" : "type",
    regex: expression.getRegex(),
    prefixes: expression.getPrefixList(),
    checkpointInterval: multiplier * (filter.hasMax() ? Math.max(1, filter.getMax()) : windowDefault),
  };
}
