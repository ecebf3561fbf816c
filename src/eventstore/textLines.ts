import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";

/**
 * A line with its number and the offset of the byte after it. `isWhole`: it ends with a line break. `isText`: its bytes
 * are UTF-8; where they are not, `text` has replacement characters in place of what is none.
 */
export type TextLine = { text: string; number: number; offset: number; isWhole: boolean; isText: boolean };

const readAtOnceBytes = 1 << 20;

/** Lines end with a line feed and nothing else, for JSON may hold the other characters that end lines. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<TextLine> {
  let rest: Buffer[] = [];
  let number = 0;
  let offset = 0;
  const line = (bytes: Buffer, isWhole: boolean): TextLine => {
    number += 1;
    offset += bytes.length + (isWhole ? 1 : 0);
    return { text: bytes.toString(), number, offset, isWhole, isText: isUtf8(bytes) };
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      yield line(Buffer.concat([...rest, chunk.subarray(start, end)]), true);
      rest = [];
      start = end + 1;
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
  if (rest.length > 0) yield line(Buffer.concat(rest), false);
}

export const linesOfFile = (path: string): AsyncGenerator<TextLine> =>
  linesOf(createReadStream(path, { highWaterMark: readAtOnceBytes }));
