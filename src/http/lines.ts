import { Readable } from "node:stream";
import type { z } from "zod";
import { tenantContext } from "../platform/tenantContext.ts";

/** Lines are sent in pieces of about this size: a write a line would cost more than the line. */
const CHUNK_LENGTH = 16_384;

/** How items become lines of text. */
export type LineFormat<A> = {
  contentType: string;
  /** What stands before them all. */
  head: string;
  spell: (item: A) => string;
};

/** One JSON object a line, with the fields of `line` and no others. */
export const ndjson = <A>(line: z.ZodType<A>): LineFormat<A> => ({
  contentType: "application/x-ndjson",
  head: "",
  spell: (item) => `${JSON.stringify(line.parse(item))}\n`,
});

/**
 * The items' lines, made only as fast as they are read. Resolves once the first item is there, so that what fails
 * before it is still answered with a status of its own; the items' source is closed when the reader goes.
 */
export const streamed = async <A>(items: AsyncIterable<A>, format: LineFormat<A>): Promise<Readable> => {
  const iterator = tenantContext.kept(items)[Symbol.asyncIterator]();
  const body = Readable.from(chunks(await iterator.next(), iterator, format));
  body.once("close", () => void iterator.return?.());
  return body;
};

async function* chunks<A>(
  first: IteratorResult<A>,
  rest: AsyncIterator<A>,
  { head, spell }: LineFormat<A>,
): AsyncGenerator<string> {
  let chunk = head;
  for (let item = first; !item.done; item = await rest.next()) {
    chunk += spell(item.value);
    if (chunk.length < CHUNK_LENGTH) continue;
    yield chunk;
    chunk = "";
  }
  if (chunk !== "") yield chunk;
}
