/** Before each message of gRPC stand whether it is compressed, which none of ours is, and its length. */
const prefixBytes = 5;
const lengthAt = 1;
/** The greatest event that a store can hold has 16 MiB. */
const messageBytesMax = 17 << 20;

class FrameRefused extends Error {
  override readonly name = "FrameRefused";
}

export const framed = (messages: readonly Uint8Array[]): Buffer => {
  const frames = Buffer.allocUnsafe(messages.reduce((sum, { length }) => sum + prefixBytes + length, 0));
  let at = 0;
  for (const message of messages) {
    frames[at] = 0;
    frames.writeUInt32BE(message.length, at + lengthAt);
    frames.set(message, at + prefixBytes);
    at += prefixBytes + message.length;
  }
  return frames;
};

/** Takes bytes as they come, and gives the messages that are whole by then: views, not copies. */
export const unframing = (): ((bytes: Buffer) => readonly Buffer[]) => {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  let wantedBytes = prefixBytes;
  return (bytes) => {
    begun.push(bytes);
    begunBytes += bytes.length;
    if (begunBytes < wantedBytes) return [];
    const all = begun.length === 1 ? bytes : Buffer.concat(begun, begunBytes);
    const messages: Buffer[] = [];
    let at = 0;
    for (wantedBytes = wanted(all, at); at + wantedBytes <= all.length; wantedBytes = wanted(all, at)) {
      messages.push(all.subarray(at + prefixBytes, at + wantedBytes));
      at += wantedBytes;
    }
    begun = [all.subarray(at)];
    begunBytes = all.length - at;
    return messages;
  };
};

/** How many bytes the frame that begins here takes, or its beginning where that is all there is. */
const wanted = (bytes: Buffer, at: number): number => {
  if (at + prefixBytes > bytes.length) return prefixBytes;
  const length = bytes.readUInt32BE(at + lengthAt);
  if (bytes[at] !== 0 || length > messageBytesMax) throw new FrameRefused("a message is compressed or too long");
  return prefixBytes + length;
};
