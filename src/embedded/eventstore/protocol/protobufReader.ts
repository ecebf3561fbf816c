/** Goes through the fields of a protobuf message; between two calls of `nextField` each is read or passed over. */
export type MessageReader = { readonly bytes: Buffer; at: number; readonly end: number; field: number; type: number };

export const openReader = (bytes: Buffer): MessageReader => ({ bytes, at: 0, end: bytes.length, field: 0, type: 0 });

const varintType = 0;
const fixed64Type = 1;
const delimitedType = 2;
const fixed32Type = 5;
const varintBytesMax = 10;
const sevenBits = 128;

const malformed = () => new Error("The message is no protobuf.");

/** False at the end of the message. */
export function nextField(reader: MessageReader): boolean {
  if (reader.at >= reader.end) return false;
  const tag = varint(reader);
  reader.field = Math.floor(tag / 8);
  reader.type = tag % 8;
  if (reader.field === 0) throw malformed();
  return true;
}

/** An unsigned number; one beyond what a number holds exactly is the greatest that it does. */
export function readNumber(reader: MessageReader): number {
  if (reader.type !== varintType) throw malformed();
  return Math.min(varint(reader), Number.MAX_SAFE_INTEGER);
}

/** A number that can be negative. */
export function readSigned(reader: MessageReader): number {
  if (reader.type !== varintType) throw malformed();
  const start = reader.at;
  const value = varint(reader);
  if (reader.at - start < varintBytesMax) return value;
  let bits = 0n;
  for (let index = reader.at - 1; index >= start; index -= 1)
    bits = (bits << 7n) | BigInt(byteAt(reader, index) & 0x7f);
  return Number(BigInt.asIntN(64, bits));
}

/** The bytes of a text, of a message or of bytes: a view, not a copy. */
export function readBytes(reader: MessageReader): Buffer {
  const end = delimitedEnd(reader);
  const bytes = reader.bytes.subarray(reader.at, end);
  reader.at = end;
  return bytes;
}

export function readText(reader: MessageReader): string {
  const end = delimitedEnd(reader);
  const text = reader.bytes.toString("utf8", reader.at, end);
  reader.at = end;
  return text;
}

/** A reader of the message that this field is, which is thereby passed over. */
export function readNested(reader: MessageReader): MessageReader {
  const end = delimitedEnd(reader);
  const nested = { bytes: reader.bytes, at: reader.at, end, field: 0, type: 0 };
  reader.at = end;
  return nested;
}

export function skipField(reader: MessageReader): void {
  if (reader.type === varintType) varint(reader);
  else if (reader.type === delimitedType) reader.at = delimitedEnd(reader);
  else if (reader.type === fixed64Type) advance(reader, 8);
  else if (reader.type === fixed32Type) advance(reader, 4);
  else throw malformed();
}

function delimitedEnd(reader: MessageReader): number {
  if (reader.type !== delimitedType) throw malformed();
  const length = varint(reader);
  const end = reader.at + length;
  if (end > reader.end) throw malformed();
  return end;
}

function advance(reader: MessageReader, bytes: number): void {
  reader.at += bytes;
  if (reader.at > reader.end) throw malformed();
}

const byteAt = (reader: MessageReader, index: number): number => reader.bytes[index] ?? 0;

function varint(reader: MessageReader): number {
  let value = 0;
  let scale = 1;
  for (let count = 0; count < varintBytesMax; count += 1) {
    if (reader.at >= reader.end) throw malformed();
    const byte = byteAt(reader, reader.at);
    reader.at += 1;
    value += (byte % sevenBits) * scale;
    if (byte < sevenBits) return value;
    scale *= sevenBits;
  }
  throw malformed();
}
