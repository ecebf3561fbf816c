/**
 * A protobuf message that is written from its end, so that the length of what is nested is known when it is due. Only
 * for the messages that are sent by the million; everything else is built with the protocol's generated classes.
 */
export type MessageWriter = { readonly bytes: Buffer; at: number };

export const openWriter = (capacity: number): MessageWriter => ({ bytes: Buffer.allocUnsafe(capacity), at: capacity });

export const written = (out: MessageWriter): Buffer => out.bytes.subarray(out.at);

const varintType = 0;
const delimitedType = 2;
const sevenBits = 128;
const tag = (number: number, type: number) => (number << 3) | type;

function putVarint(out: MessageWriter, value: number): void {
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

export function putNumber(out: MessageWriter, number: number, value: number): void {
  putVarint(out, value);
  putVarint(out, tag(number, varintType));
}

const greatestInt64 = Buffer.from("ffffffffffffffff7f", "hex");

export function putGreatestInt64(out: MessageWriter, number: number): void {
  putRaw(out, greatestInt64);
  putVarint(out, tag(number, varintType));
}

/** Bytes that are encoded already, tag and length included. */
export function putRaw(out: MessageWriter, bytes: Uint8Array): void {
  out.at -= bytes.length;
  out.bytes.set(bytes, out.at);
}

/** Makes a field of what was written down to here from `end`. */
export function putHeader(out: MessageWriter, number: number, end: number): void {
  putVarint(out, end - out.at);
  putVarint(out, tag(number, delimitedType));
}

export function putBytes(out: MessageWriter, number: number, bytes: Uint8Array): void {
  const end = out.at;
  putRaw(out, bytes);
  putHeader(out, number, end);
}

export function putText(out: MessageWriter, number: number, text: string): void {
  const end = out.at;
  out.at -= Buffer.byteLength(text);
  out.bytes.write(text, out.at);
  putHeader(out, number, end);
}
