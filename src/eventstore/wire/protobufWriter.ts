/**
 * A message in protobuf's wire format that is written from its end, so that the length of what is nested is known when
 * it is due. Only for the messages that are sent by the million; all others are made with the generated classes.
 */
export type MessageWriter = { readonly bytes: Buffer; at: number };

export const openWriter = (capacity: number): MessageWriter => ({ bytes: Buffer.allocUnsafe(capacity), at: capacity });

export const written = ({ bytes, at }: MessageWriter): Buffer => bytes.subarray(at);

const varintType = 0;
const delimitedType = 2;

/** A whole number that is not negative. */
export const putNumber = (out: MessageWriter, field: number, value: number): void => {
  putVarint(out, value);
  putVarint(out, (field << 3) | varintType);
};

/** Text in UTF-8, or bytes. */
export const putContent = (out: MessageWriter, field: number, content: string | Uint8Array): void => {
  const end = out.at;
  if (typeof content === "string") {
    out.at -= Buffer.byteLength(content);
    out.bytes.write(content, out.at);
  } else {
    out.at -= content.length;
    out.bytes.set(content, out.at);
  }
  putHeader(out, field, end);
};

/** Makes a field of what was written down to here from `end`. */
export const putHeader = (out: MessageWriter, field: number, end: number): void => {
  putVarint(out, end - out.at);
  putVarint(out, (field << 3) | delimitedType);
};

const putVarint = (out: MessageWriter, value: number): void => {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1;
  out.at -= length;
  const last = out.at + length - 1;
  let rest = value;
  for (let at = out.at; at < last; at += 1) {
    out.bytes[at] = (rest % 0x80) + 0x80;
    rest = Math.floor(rest / 0x80);
  }
  out.bytes[last] = rest;
};
