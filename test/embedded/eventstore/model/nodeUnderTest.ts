import {
  BACKWARDS,
  binaryEvent,
  END,
  type EventData,
  EventStoreDBClient,
  FORWARDS,
  type JSONType,
  jsonEvent,
  type Position,
  type RecordedEvent,
  type ResolvedEvent,
  START,
  StreamDeletedError,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from "@eventstore/db-client";
import { expect } from "vitest";
import { startEventStore } from "../../../../src/embedded/eventStore.ts";
import { freshDirectory, portOf, removeDirectory } from "../storeUnderTest.ts";
import {
  type Answer,
  type Expected,
  noRevision,
  type Proposed,
  type Range,
  type Seen,
  type Stored,
} from "./specification.ts";

/** Per-call credentials make the client use a call of its own instead of the stream of batches. */
export type Call = "batch" | "alone";
const alone = { credentials: { username: "admin", password: "changeit" } };

/** A deletion cannot expect a stream to exist: the client has no words for it. */
export type ExpectedOfDeletion = Exclude<Expected, "stream_exists">;

/** An event as the client gives it, position included. */
type Observed = Omit<Stored, "place"> & { readonly position: bigint };
export type ObservedSeen = { readonly event: Observed | undefined; readonly link: Observed | undefined };

/** What the client was answered. A position is compared once all of them are known. */
export type ObservedAnswer =
  | { readonly kind: "accepted"; readonly revision: bigint | undefined; readonly position: bigint | undefined }
  | Exclude<Answer, { kind: "accepted" }>;

export type NodeUnderTest = Awaited<ReturnType<typeof startNode>>;

/** A real store and its client, and what the order of all commits has shown of it so far. */
export async function startNode() {
  const directory = freshDirectory();
  let died = Promise.withResolvers<void>();
  const start = (port: number) => {
    died = Promise.withResolvers();
    return startEventStore({ directory, port, onFailure: () => died.resolve() });
  };
  let store = await start(0);
  let client = EventStoreDBClient.connectionString(store.url);
  const order = orderOfCommits();

  return {
    ...streamCallsOf(() => client),
    positionAt: order.positionAt,
    placeOf: order.placeOf,
    lastPlace: order.lastPlace,
    expectation: order.expectation,
    get client() {
      return client;
    },

    readAll({ from, direction, maxCount, resolvesLinks: resolveLinkTos }: Range) {
      const end = direction === "forwards" ? START : END;
      const fromPosition = from === undefined ? end : order.positionAt(from);
      const towards = direction === "forwards" ? FORWARDS : BACKWARDS;
      return collect(client.readAll({ direction: towards, fromPosition, maxCount, resolveLinkTos }));
    },

    /** Reads what was committed since the last time, in the order of all commits. */
    async commits(): Promise<readonly Stored[]> {
      const events = await collect(client.readAll({ fromPosition: order.lastPosition() ?? START }));
      return order.continuedBy(events.map(({ event }) => event));
    },

    async restart(how: "killed" | "stopped"): Promise<void> {
      const port = portOf(store);
      if (how === "killed") {
        process.kill(store.pid, "SIGKILL");
        await died.promise;
      }
      await store.stop();
      store = await start(port);
      await client.dispose();
      client = EventStoreDBClient.connectionString(store.url);
    },

    async end(): Promise<void> {
      await client.dispose();
      await store.stop();
      removeDirectory(directory);
    },
  };
}

/**
 * Positions, which are the server's to choose, by the places of events in the order of all commits, and the ids of the
 * server's own events. Once seen, these may not change.
 */
function orderOfCommits() {
  const known: { readonly position: bigint; readonly id: string }[] = [];

  const positionAt = (place: bigint | number): Position => {
    const commit = known[Number(place)]?.position;
    if (commit === undefined) throw new Error(`Nothing was seen at place ${place} yet.`);
    return { commit, prepare: commit };
  };

  const expected = ({ place, ...event }: Stored): Observed => ({
    ...event,
    id: event.id ?? known[place]?.id,
    position: positionAt(place).commit,
  });

  return {
    positionAt,
    placeOf(position: bigint | undefined): bigint | undefined {
      const place = known.findLastIndex((event) => position !== undefined && event.position <= position);
      return place === -1 ? undefined : BigInt(place);
    },
    lastPlace: () => BigInt(known.length - 1),
    lastPosition: () => (known.length === 0 ? undefined : positionAt(known.length - 1)),
    expectation: ({ event, link }: Seen): ObservedSeen => ({
      event: event && expected(event),
      link: link && expected(link),
    }),

    /** Takes what was read from the last event on, that one included, and gives what is new. */
    continuedBy(read: readonly (Observed | undefined)[]): readonly Stored[] {
      const last = known.at(-1)?.position;
      expect(read[0]?.position ?? 0n).toBeGreaterThanOrEqual(last ?? 0n);
      return read.slice(last === undefined ? 0 : 1).map((event) => {
        if (event?.id === undefined) throw new Error("An event came without its record.");
        const { position, ...stored } = event;
        expect(position).toBeGreaterThan(known.at(-1)?.position ?? -1n);
        const place = known.push({ position, id: event.id }) - 1;
        return { ...stored, place };
      });
    },
  };
}

/** The calls that concern one stream; the client is another one after each restart. */
const streamCallsOf = (client: () => EventStoreDBClient) => ({
  append: (stream: string, expectedRevision: Expected, events: readonly Proposed[], call: Call) =>
    answer(async () => {
      const options = { expectedRevision, ...(call === "alone" && alone) };
      const { nextExpectedRevision, position } = await client().appendToStream(stream, events.map(eventData), options);
      return { revision: nextExpectedRevision, position: position?.commit };
    }),

  softDelete: (stream: string, expectedRevision: ExpectedOfDeletion) =>
    answer(async () => deletionOf(await client().deleteStream(stream, { expectedRevision }))),

  tombstone: (stream: string, expectedRevision: ExpectedOfDeletion) =>
    answer(async () => deletionOf(await client().tombstoneStream(stream, { expectedRevision }))),

  async readStream(stream: string, { from, direction, maxCount, resolvesLinks: resolveLinkTos }: Range) {
    const backwards = { direction: BACKWARDS, fromRevision: from ?? END } as const;
    const forwards = { direction: FORWARDS, fromRevision: from ?? START } as const;
    const options = { ...(direction === "forwards" ? forwards : backwards), maxCount, resolveLinkTos };
    try {
      return await collect(client().readStream(stream, options));
    } catch (error) {
      if (error instanceof StreamDeletedError) return "streamDeleted";
      if (error instanceof StreamNotFoundError) return "notFound";
      throw error;
    }
  },
});

const isJson = (value: unknown): value is JSONType => value !== undefined;

function eventData({ id, type, isJson: isJsonEvent, data, metadata }: Proposed): EventData {
  if (!isJsonEvent) return binaryEvent({ id, type, data: Buffer.from(String(data)) });
  if (!isJson(data)) throw new Error("JSON has no undefined.");
  return jsonEvent({ id, type, data, ...(isJson(metadata) && { metadata }) });
}

const deletionOf = ({ position }: { readonly position?: Position | undefined }) => ({
  revision: undefined,
  position: position?.commit,
});

async function answer(
  call: () => Promise<{ readonly revision: bigint | undefined; readonly position: bigint | undefined }>,
): Promise<ObservedAnswer> {
  try {
    return { kind: "accepted", ...(await call()) };
  } catch (error) {
    if (error instanceof StreamDeletedError) return { kind: "streamDeleted" };
    if (!(error instanceof WrongExpectedVersionError)) throw error;
    const { actualVersion } = error;
    return { kind: "wrongExpectedRevision", current: typeof actualVersion === "bigint" ? actualVersion : noRevision };
  }
}

async function collect(events: AsyncIterable<ResolvedEvent>): Promise<ObservedSeen[]> {
  const all: ObservedSeen[] = [];
  for await (const event of events) all.push(observedSeen(event));
  return all;
}

export function observedSeen({ event, link, commitPosition }: ResolvedEvent): ObservedSeen {
  expect(commitPosition).toBe((link ?? event)?.position?.commit);
  return { event: event && observed(event), link: link && observed(link) };
}

function observed({ id, streamId, revision, type, isJson, data, metadata, position }: RecordedEvent): Observed {
  expect(position?.prepare).toBe(position?.commit);
  const body = isJson ? data : Buffer.from(data).toString();
  return { id, stream: streamId, revision, type, isJson, data: body, metadata, position: position?.commit ?? -1n };
}
