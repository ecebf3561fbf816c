import type {
  CreateReq,
  DeleteReq,
  GetInfoReq,
  ListReq,
  ReadReq,
  ReplayParkedReq,
  UpdateReq,
} from "@eventstore/db-client/generated/persistent_pb.js";
import type { StreamIdentifier } from "@eventstore/db-client/generated/shared_pb.js";
import { invalidArgument } from "../errors.ts";
import type { IdForm } from "../protocol/readResponses.ts";
import { idForm, integer, optionalStreamName } from "../protocol/requests.ts";
import { createFilter, type FilterRequest } from "../streams/filters.ts";
import type { From } from "../streams/reads.ts";
import { groupFailed } from "./errors.ts";
import { allStreams, type GroupName } from "./groupConfig.ts";
import type { GroupRequest } from "./groups.ts";
import { groupSettings } from "./settingsRequest.ts";

const bufferSizeMax = 100_000;

type Addressed = {
  hasAll(): boolean;
  getStreamIdentifier(): StreamIdentifier | undefined;
  getGroupName(): string;
};

function groupName(options: Addressed | undefined): GroupName {
  if (options === undefined) throw invalidArgument("The request has no options.");
  const source = options.hasAll() ? allStreams : optionalStreamName(options.getStreamIdentifier());
  if (source === "") throw invalidArgument("The request names neither a stream nor all streams.");
  return { source, group: options.getGroupName() };
}

export const deleteRequest = (message: DeleteReq): GroupName => groupName(message.getOptions());

export const infoRequest = (message: GetInfoReq): GroupName => groupName(message.getOptions());

export function replayRequest(message: ReplayParkedReq): { readonly name: GroupName; readonly stopAt?: number } {
  const options = message.getOptions();
  const name = groupName(options);
  if (!options?.hasStopAt()) return { name };
  const stopAt = Number(options.getStopAt());
  if (stopAt < 0) throw groupFailed(name, `A replay cannot stop at ${stopAt}.`);
  return { name, stopAt };
}

/** The source whose groups are asked for; undefined for those of all sources. */
export function listRequest(message: ListReq): string | undefined {
  const options = message.getOptions();
  if (options?.hasListAllSubscriptions()) return undefined;
  const target = options?.getListForStream();
  if (target === undefined) throw invalidArgument("The request does not say which groups to list.");
  return target.hasAll() ? allStreams : optionalStreamName(target.getStream());
}

type ConsumerRequest = { readonly name: GroupName; readonly capacity: number; readonly idForm: IdForm };

export function consumerRequest(message: ReadReq): ConsumerRequest {
  const options = message.getOptions();
  if (options === undefined) throw invalidArgument("The options come first.");
  const capacity = options.getBufferSize();
  if (capacity < 1 || capacity > bufferSizeMax) {
    throw invalidArgument(`The buffer size must be between 1 and ${bufferSizeMax} and is ${capacity}.`);
  }
  return { name: groupName(options), capacity, idForm: idForm(options.getUuidOption()) };
}

/** Throws `persistent-subscription-failed` for what no group can be, INVALID_ARGUMENT for what is no request. */
export function createRequest(message: CreateReq): GroupRequest {
  const options = message.getOptions();
  return { ...groupRequest(options), filter: groupFilter(options?.getAll()?.getFilter()) };
}

// A group has checkpoints of its own, so it has no use for the interval between them that comes with a filter.
function groupFilter(options: CreateReq.AllOptions.FilterOptions | undefined): FilterRequest | undefined {
  if (options === undefined) return undefined;
  const expression = options.getStreamIdentifier() ?? options.getEventType();
  if (expression === undefined) throw invalidArgument("The filter is empty.");
  const filter: FilterRequest = {
    on: options.hasStreamIdentifier() ? "stream" : "type",
    regex: expression.getRegex(),
    prefixes: expression.getPrefixList(),
    checkpointInterval: 1,
  };
  // What is no regular expression is refused now, and not when the group begins to read.
  createFilter(filter);
  return filter;
}

export const updateRequest = (message: UpdateReq): GroupRequest => groupRequest(message.getOptions());

function groupRequest(options: CreateReq.Options | UpdateReq.Options | undefined): GroupRequest {
  const settings = options?.getSettings();
  if (options === undefined || settings === undefined) throw invalidArgument("The request has no options or settings.");
  const group = options.getGroupName();
  const all = options.getAll();
  if (all !== undefined) {
    const name = { source: allStreams, group };
    return { ...name, filter: undefined, settings: groupSettings(name, settings, allStart(name, all)) };
  }
  const legacy = options.getStream();
  const name = { source: optionalStreamName(legacy?.getStreamIdentifier() ?? options.getStreamIdentifier()), group };
  if (name.source === "") throw groupFailed(name, "The stream has no name.");
  if (name.source === allStreams) throw groupFailed(name, "A group of all streams has options of its own.");
  const startFrom = legacy === undefined ? fromRevision(name, settings.getRevision()) : streamStart(name, legacy);
  return { ...name, filter: undefined, settings: groupSettings(name, settings, startFrom) };
}

function allStart(name: GroupName, all: CreateReq.AllOptions | UpdateReq.AllOptions): From {
  const position = all.getPosition();
  if (position === undefined) return all.hasEnd() ? "end" : "start";
  const commit = BigInt(position.getCommitPosition());
  const prepare = BigInt(position.getPreparePosition());
  if (prepare > commit) throw groupFailed(name, `Prepare position ${prepare} lies behind commit position ${commit}.`);
  return integer(String(commit));
}

function streamStart(name: GroupName, stream: CreateReq.StreamOptions | UpdateReq.StreamOptions): From {
  if (stream.hasRevision()) return fromRevision(name, stream.getRevision());
  return stream.hasEnd() ? "end" : "start";
}

const greatestUint64 = 2n ** 64n - 1n;
const greatestInt64 = 2n ** 63n - 1n;

// On the wire revisions are unsigned, and the greatest stands for the end.
function fromRevision(name: GroupName, text: string): From {
  const revision = BigInt(text);
  if (revision === greatestUint64) return "end";
  if (revision > greatestInt64) throw groupFailed(name, `There is no revision ${revision - greatestUint64 - 1n}.`);
  return integer(text);
}
