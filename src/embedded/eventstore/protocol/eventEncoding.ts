import { type RecordedEvent, tombstoneRevision } from "../event.ts";
import type { ResolvedEvent } from "../streams/links.ts";
import {
  type MessageWriter,
  openWriter,
  putBytes,
  putGreatestInt64,
  putHeader,
  putNumber,
  putRaw,
  putText,
  written,
} from "./protobufWriter.ts";
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
  const out = openWriter(capacityFor(event) + capacityFor(link));
  const end = out.at;
  if (retries !== undefined) putNumber(out, field.readEvent.retryCount, retries);
  putNumber(out, field.readEvent.commitPosition, (link ?? event)?.position ?? 0);
  if (link !== undefined) putRecorded(out, field.readEvent.link, link, idForm);
  if (event !== undefined) putRecorded(out, field.readEvent.event, event, idForm);
  putHeader(out, field.response.event, end);
  return written(out);
}

const capacityFor = (event: RecordedEvent | undefined): number =>
  event === undefined
    ? 0
    : overheadBytes +
      event.data.length +
      event.metadata.length +
      (event.stream.length + event.type.length) * utf8BytesMax;

function putRecorded(out: MessageWriter, number: number, event: RecordedEvent, idForm: IdForm): void {
  const { recorded } = field;
  const end = out.at;
  if (event.data.length > 0) putBytes(out, recorded.data, event.data);
  if (event.metadata.length > 0) putBytes(out, recorded.metadata, event.metadata);
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

function putId(out: MessageWriter, number: number, id: string, form: IdForm): void {
  const end = out.at;
  if (form === "string") putText(out, field.id.text, id);
  else putRaw(out, idMessage(id, form).serializeBinary());
  putHeader(out, number, end);
}

function putProperty(out: MessageWriter, name: string, value: string): void {
  const end = out.at;
  putText(out, field.property.value, value);
  putText(out, field.property.name, name);
  putHeader(out, field.recorded.property, end);
}
