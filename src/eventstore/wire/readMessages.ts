import shared from "@eventstore/db-client/generated/shared_pb.js";
import messages from "@eventstore/db-client/generated/streams_pb.js";
import type { Followed, StoredEvent } from "../store.ts";
import {
  bytesIn,
  type MessageReader,
  messageIn,
  nextField,
  openMessage,
  textIn,
  unsignedIn,
} from "./protobufReader.ts";
import { uuidIn } from "./uuid.ts";

const { Options } = messages.ReadReq;
type Options = InstanceType<typeof Options>;

/** One stream from a revision on, or its last event. */
type StreamRead = { stream: string; from: bigint | "end"; count: number };
/** The whole store from a position on, which is included; or backwards from its newest event. */
type AllRead = { from: bigint | "end"; count: number };
/** What comes after `after` in streams whose names begin so. */
type Subscribe = { after: bigint; prefixes: readonly string[]; searchWindow: number };

export const encodeStreamRead = ({ stream, from, count }: StreamRead): Uint8Array => {
  const which = new Options.StreamOptions().setStreamIdentifier(
    new shared.StreamIdentifier().setStreamName(Buffer.from(stream, "utf8")),
  );
  if (from === "end") which.setEnd(new shared.Empty());
  else which.setRevision(from.toString());
  return counted(new Options().setStream(which), from, count);
};

export const encodeAllRead = ({ from, count }: AllRead): Uint8Array => {
  const where = new Options.AllOptions();
  if (from === "end") where.setEnd(new shared.Empty());
  else where.setPosition(positionAt(from));
  return counted(new Options().setAll(where), from, count);
};

/** How far the store has looked is reported each time it has looked at so many events. */
export const encodeSubscribe = ({ after, prefixes, searchWindow }: Subscribe): Uint8Array => {
  const where = new Options.AllOptions();
  if (after < 0n) where.setStart(new shared.Empty());
  else where.setPosition(positionAt(after));
  const names = new Options.FilterOptions.Expression().setPrefixList([...prefixes]);
  const filter = new Options.FilterOptions()
    .setStreamIdentifier(names)
    .setMax(searchWindow)
    .setCheckpointintervalmultiplier(1);
  return encoded(new Options().setAll(where).setFilter(filter).setSubscription(new Options.SubscriptionOptions()));
};

const positionAt = (position: bigint) =>
  new Options.Position().setCommitPosition(position.toString()).setPreparePosition(position.toString());

const counted = (options: Options, from: bigint | "end", count: number): Uint8Array =>
  encoded(
    options
      .setReadDirection(from === "end" ? Options.ReadDirection.BACKWARDS : Options.ReadDirection.FORWARDS)
      .setCount(count.toString())
      .setNoFilter(new shared.Empty()),
  );

const encoded = (options: Options): Uint8Array => {
  options.setUuidOption(new Options.UUIDOption().setString(new shared.Empty()));
  return new messages.ReadReq().setOptions(options).serializeBinary();
};

const field = {
  answer: { event: 1, checkpoint: 3, caughtUp: 8 },
  resolved: { event: 1 },
  recorded: { id: 1, stream: 2, revision: 3, commit: 5, property: 6, metadata: 7, data: 8 },
  property: { name: 1, value: 2 },
  streamName: 3,
  checkpoint: { commit: 1 },
};

/** A `ReadResp`; undefined where it says nothing that anybody here asks for, such as that there is no such stream. */
export const decodeRead = (bytes: Buffer): Followed | undefined => {
  const answer = openMessage(bytes);
  while (nextField(answer)) {
    if (answer.field === field.answer.event) return eventIn(messageIn(answer));
    if (answer.field === field.answer.checkpoint) return { kind: "passed", position: commitIn(messageIn(answer)) };
    if (answer.field === field.answer.caughtUp) return { kind: "caughtUp" };
  }
  return undefined;
};

const commitIn = (checkpoint: MessageReader): bigint => {
  let commit = 0n;
  while (nextField(checkpoint)) if (checkpoint.field === field.checkpoint.commit) commit = unsignedIn(checkpoint);
  return commit;
};

/** Links are not followed: there is an event. */
const eventIn = (resolved: MessageReader): Followed | undefined => {
  while (nextField(resolved))
    if (resolved.field === field.resolved.event) return { kind: "event", event: recordedIn(messageIn(resolved)) };
  return undefined;
};

const recordedIn = (recorded: MessageReader): StoredEvent => {
  const { recorded: known } = field;
  let [id, stream, type, isJson] = ["", "", "", false];
  let [revision, position] = [0n, 0n];
  let [data, metadata] = [nothing, nothing];
  while (nextField(recorded)) {
    if (recorded.field === known.id) id = uuidIn(recorded);
    else if (recorded.field === known.stream) stream = nameIn(messageIn(recorded));
    else if (recorded.field === known.revision) revision = unsignedIn(recorded);
    else if (recorded.field === known.commit) position = unsignedIn(recorded);
    else if (recorded.field === known.metadata) metadata = bytesIn(recorded);
    else if (recorded.field === known.data) data = bytesIn(recorded);
    else if (recorded.field === known.property) {
      const property = propertyIn(messageIn(recorded));
      if (property.name === "type") type = property.value;
      else if (property.name === "content-type") isJson = property.value === "application/json";
    }
  }
  const said = { data: isJson ? jsonIn(data) : data, metadata: jsonIn(metadata) };
  // What stands in the streams of our categories was written by our own codec, which checks it again when it decodes.
  return { id, stream, type, ...said, revision, position } as StoredEvent;
};

const nothing: Buffer = Buffer.alloc(0);

const nameIn = (identifier: MessageReader): string => {
  let name = "";
  while (nextField(identifier)) if (identifier.field === field.streamName) name = textIn(identifier);
  return name;
};

const propertyIn = (property: MessageReader): { name: string; value: string } => {
  let [name, value] = ["", ""];
  while (nextField(property)) {
    if (property.field === field.property.name) name = textIn(property);
    else if (property.field === field.property.value) value = textIn(property);
  }
  return { name, value };
};

/** Events of others may say that they are JSON and not be: whoever reads all of the store must get past them. */
const jsonIn = (bytes: Buffer): unknown => {
  if (bytes.length === 0) return undefined;
  const text = bytes.toString("utf8");
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};
