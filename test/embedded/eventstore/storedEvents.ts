import type { EventStoreDBClient } from "@eventstore/db-client";
import { status } from "@grpc/grpc-js";

/** Which event stands where. */
export type Stored = {
  readonly id: string;
  readonly stream: string;
  readonly revision: bigint;
  readonly position: bigint;
};

type Recorded = { id: string; streamId: string; revision: bigint; position?: { commit: bigint } };

export function stored({ id, streamId, revision, position }: Recorded): Stored {
  if (position === undefined) throw new Error(`Event ${id} was given without its position.`);
  return { id, stream: streamId, revision, position: position.commit };
}

/** All events in commit order. */
export async function everythingIn(client: EventStoreDBClient): Promise<Stored[]> {
  const events: Stored[] = [];
  for await (const { event } of client.readAll()) if (event !== undefined) events.push(stored(event));
  return events;
}

/** Tells a server that is away from every other error. Asking for its features, the client passes gRPC's own on. */
export const isUnavailable = (error: unknown): boolean =>
  error instanceof Error &&
  (("type" in error && error.type === "unavailable") || ("code" in error && error.code === status.UNAVAILABLE));
