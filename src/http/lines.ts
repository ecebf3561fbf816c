import { Readable } from "node:stream";
import type { z } from "zod";
import { tenantContext } from "../platform/tenantContext.ts";

/** Lines are sent in pieces of about this size: a write a line would cost more than the line. */
const CHUNK_LENGTH = 16_384;

/**
 * NDJSON of the items, made only as fast as it is read, with the fields of `line` and no others. Resolves once the
 * first item is there, so that what fails before it is still answered with a status of its own; the items' source is
 * closed when the reader goes.
 */
export const ndjson = async <A>(items: AsyncIterable<A>, line: z.ZodType<A>): Promise<Readable> => {
  const iterator = tenantContext.kept(items)[Symbol.asyncIterator]();
  const body = Readable.from(chunks(await iterator.next(), iterator, line));
  body.once("close", () => void iterator.return?.());
  return body;
};

async function* chunks<A>(
  first: IteratorResult<A>,
  rest: AsyncIterator<A>,
  line: z.ZodType<A>,
): AsyncGenerator<string> {
  let chunk = "";
  for (let item = first; !item.done; item = await rest.next()) {
    chunk += `${JSON.stringify(line.parse(item.value))}\n`;
    if (chunk.length < CHUNK_LENGTH) continue;
    yield chunk;
    chunk = "";
  }
  if (chunk !== "") yield chunk;
}
