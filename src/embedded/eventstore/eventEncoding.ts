import { type RecordedEvent, tombstoneRevision } from "./event.ts";
import type { ResolvedEvent } from "./links.ts";
import { type IdForm, idMessage } from "./readResponses.ts";

/** The numbers of the protocol's fields, message by message. */
const field = {
  response: { event: 1 },
  readEvent: { event: 1, link: 2, commitPosition: 3, retryCount: 5 },
  recorded: { id: 1, stream: 2, revision: 3, prepare: 4, commit: 5, property: 6, metadata: 7, data: 8 },
  property: { name: 1, value: 2 },
  id: { text: 2 },
  stream: { name: 3 },
};

/** What the protocol's own fields around an event's take at most. */
const overheadBytes = 400;
const utf8BytesMax = 3;

/**
 * A `ReadResp` that carries an event, of the streams' service or, with `retries`, of the persistent subscriptions':
 * they look the same. Written byte by byte, for readers are sent millions, and the generated messages took most of the
 * time of a read.
 */
export function encodeEvent({ event, link }: ResolvedEvent, idForm: IdForm, retries?: number): Buffer {
  const out = openMessage(capacityFor(event) + capacityFor(link));
  const end = out.at;
  if (retries !== undefined) putNumber(out, field.readEvent.retryCount, retries);
  putNumber(out, field.readEvent.commitPosition, (link ?? event)?.position ?? 0);
  if (link !== undefined) putRecorded(out, field.readEvent.link, link, idForm);
  if (event !== undefined) putRecorded(out, field.readEvent.event, event, idForm);
  putHeader(out, field.response.event, end);
  return out.bytes.subarray(out.at);
}

const capacityFor = (event: RecordedEvent | undefined): number =>
  event === undefined
    ? 0
    : overheadBytes +
      event.data.length +
      event.metadata.length +
      (event.stream.length + event.type.length) * utf8BytesMax;

function putRecorded(out: Message, number: number, event: RecordedEvent, idForm: IdForm): void {
  const { recorded } = field;
  const end = out.at;
  putBytes(out, recorded.data, event.data);
  putBytes(out, recorded.metadata, event.metadata);
  putProperty(out, "type", event.type);
  putProperty(out, "created", `${event.createdMs}0000`);
  putProperty(out, "content-type", event.isJson ? "application/json" : "application/octet-stream");
  putNumber(out, recorded.commit, event.position);
  putNumber(out, recorded.prepare, event.position);
  if (event.revision === tombstoneRevision) putGreatestInt64(out, recorded.revision);
  else if (event.revision > 0) putNumber(out, recorded.revision, event.revision);
  const streamEnd = out.at;
  putText(out, field.stream.name, event.stream);
  putHeader(out, recorded.stream, streamEnd);
  putId(out, recorded.id, event.id, idForm);
  putHeader(out, number, end);
}

function putId(out: Message, number: number, id: string, form: IdForm): void {
  const end = out.at;
  if (form === "string") putText(out, field.id.text, id);
  else putRaw(out, idMessage(id, form).serializeBinary());
  putHeader(out, number, end);
}

function putProperty(out: Message, name: string, value: string): void {
  const end = out.at;
  putText(out, field.property.value, value);
  putText(out, field.property.name, name);
  putHeader(out, field.recorded.property, end);
}

/** A protobuf message that is written from its end, so that the length of what is nested is known when it is due. */
type Message = { readonly bytes: Buffer; at: number };

const openMessage = (capacity: number): Message => ({ bytes: Buffer.allocUnsafe(capacity), at: capacity });

const varintType = 0;
const delimitedType = 2;
const sevenBits = 128;
const tag = (number: number, type: number) => (number << 3) | type;

function putVarint(out: Message, value: number): void {
  let length = 1;
  for (let rest = value; rest >= sevenBits; rest = Math.floor(rest / sevenBits)) length += 1;
  out.at -= length;
  let rest = value;
  for (let index = out.at; index < out.at + length - 1; index += 1) {
    out.bytes[index] = (rest % sevenBits) + sevenBits;
    rest = Math.floor(rest / sevenBits);
  }
  out.bytes[out.at + length - 1] = rest;
}

function putNumber(out: Message, number: number, value: number): void {
  putVarint(out, value);
  putVarint(out, tag(number, varintType));
}

const greatestInt64 = Buffer.from("ffffffffffffffff7f", "hex");

function putGreatestInt64(out: Message, number: number): void {
  putRaw(out, greatestInt64);
  putVarint(out, tag(number, varintType));
}

function putRaw(out: Message, bytes: Uint8Array): void {
  out.at -= bytes.length;
  out.bytes.set(bytes, out.at);
}

/** What goes before the field that has been written down to here from `end`. */
function putHeader(out: Message, number: number, end: number): void {
  putVarint(out, end - out.at);
  putVarint(out, tag(number, delimitedType));
}

function putBytes(out: Message, number: number, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  const end = out.at;
  putRaw(out, bytes);
  putHeader(out, number, end);
}

function putText(out: Message, number: number, text: string): void {
  const end = out.at;
  out.at -= Buffer.byteLength(text);
  out.bytes.write(text, out.at);
  putHeader(out, number, end);
}
