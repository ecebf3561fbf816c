import type { EventStoreDBClient } from "@eventstore/db-client";
import { numberedUpTo } from "./numbered.ts";
import { freshName } from "./serverUnderTest.ts";

/** A stream of a test's own that has so many events. */
export async function numberedStream(client: EventStoreDBClient, count: number): Promise<string> {
  const stream = freshName();
  await client.appendToStream(stream, numberedUpTo(count));
  return stream;
}
