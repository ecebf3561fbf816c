/**
 * A message of protobuf's wire format that is gone through field by field. Only for the messages that come by the
 * million; everything else is read with the protocol's generated classes.
 */
export type MessageReader = {
  readonly bytes: Buffer;
  readonly end: number;
  at: number;
  field: number;
  /** Where the value stands. */
  from: number;
  to: number;
};

/** What a server should not have sent. */
class MalformedMessage extends Error {
  override readonly name = "MalformedMessage";
}
const malformed = () => new MalformedMessage("The message is no protobuf.");

const varintType = 0;
const fixed64Type = 1;
const delimitedType = 2;
const fixed32Type = 5;

export const openMessage = (bytes: Buffer, at = 0, end = bytes.length): MessageReader => ({
  bytes,
  end,
  at,
  field: 0,
  from: at,
  to: at,
});

/** Whatever is not read of a field is thereby passed over. False at the message's end. */
export const nextField = (message: MessageReader): boolean => {
  if (message.at >= message.end) return false;
  const tag = varint(message);
  message.field = tag >>> 3;
  const length = lengthOf(tag & 7, message);
  message.from = message.at;
  message.to = message.at + length;
  if (message.to > message.end) throw malformed();
  message.at = message.to;
  return true;
};

const lengthOf = (type: number, message: MessageReader): number => {
  if (type === delimitedType) return varint(message);
  if (type === varintType) return varintLength(message);
  if (type === fixed64Type) return 8;
  if (type === fixed32Type) return 4;
  throw malformed();
};

const varintLength = ({ bytes, at, end }: MessageReader): number => {
  let to = at;
  while (to < end && (bytes[to] ?? 0) >= 0x80) to += 1;
  return to + 1 - at;
};

/** As far as a number goes: for tags and lengths. */
const varint = (message: MessageReader): number => {
  let value = 0;
  for (let scale = 1; message.at < message.end; scale *= 0x80) {
    const byte = message.bytes[message.at] ?? 0;
    message.at += 1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
  throw malformed();
};

/** What a number holds exactly has no more bytes of seven bits. */
const exactBytesMax = 7;

export const unsignedIn = ({ bytes, from, to }: MessageReader): bigint => {
  if (to - from > exactBytesMax) return greatUnsigned(bytes, from, to);
  let value = 0;
  for (let at = to - 1; at >= from; at -= 1) value = value * 0x80 + ((bytes[at] ?? 0) & 0x7f);
  return BigInt(value);
};

const greatUnsigned = (bytes: Buffer, from: number, to: number): bigint => {
  let value = 0n;
  for (let at = to - 1; at >= from; at -= 1) value = (value << 7n) | BigInt((bytes[at] ?? 0) & 0x7f);
  return BigInt.asUintN(64, value);
};

export const textIn = ({ bytes, from, to }: MessageReader): string => bytes.toString("utf8", from, to);

/** A view, not a copy. */
export const bytesIn = ({ bytes, from, to }: MessageReader): Buffer => bytes.subarray(from, to);

export const messageIn = ({ bytes, from, to }: MessageReader): MessageReader => openMessage(bytes, from, to);
