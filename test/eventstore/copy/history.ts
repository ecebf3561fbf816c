import {
  binaryEvent,
  type EventData,
  type EventStoreDBClient,
  jsonEvent,
  StreamDeletedError,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from "@eventstore/db-client";
import fc from "fast-check";

/** What somebody may do to one of a few streams. */
type Deed =
  | { do: "append"; stream: number; events: readonly Content[] }
  | { do: "describe"; stream: number; metadata: Record<string, number | string> }
  | { do: "link"; stream: number; to: number }
  | { do: "delete" | "tombstone"; stream: number };
type Content = { type: string; json?: fc.JsonValue; bytes?: Uint8Array; metadata: Record<string, string> | Uint8Array };

const text = fc.string({ unit: "binary", minLength: 1, maxLength: 12 });
const stream = fc.nat({ max: 3 });
const metadata = fc.oneof(fc.dictionary(text, text, { maxKeys: 2 }), fc.uint8Array({ maxLength: 8 }));
const content: fc.Arbitrary<Content> = fc.oneof(
  fc.record({ type: text, json: fc.jsonValue({ maxDepth: 2 }), metadata }),
  fc.record({ type: text, bytes: fc.uint8Array({ maxLength: 40 }), metadata }),
);
const restrictions = fc.record(
  { maxCount: fc.integer({ min: 1, max: 5 }), truncateBefore: fc.nat({ max: 5 }), owner: text },
  { requiredKeys: [] },
);

export const deeds: fc.Arbitrary<readonly Deed[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant("append" as const), stream, events: several() }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("delete" as const), stream }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("describe" as const), stream, metadata: restrictions }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("link" as const), stream, to: stream }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("tombstone" as const), stream }) },
  ),
  { minLength: 1, maxLength: 20 },
);
function several() {
  return fc.array(content, { minLength: 1, maxLength: 4 });
}

const eventOf = ({ type, json, bytes, metadata }: Content): EventData =>
  bytes
    ? binaryEvent({ type, data: bytes, metadata })
    : // The client's type leaves out JSON that is no object; its server does not.
      jsonEvent({ type, data: json as Record<string, unknown>, metadata });

const names = ["order-1", "order-ünï ☂", "credit", "a"];

/** Does all of it to streams that begin with `prefix`. What a server refuses by right is passed over. */
export const perform = async (client: EventStoreDBClient, prefix: string, all: readonly Deed[]): Promise<void> => {
  for (const deed of all) {
    const stream = `${prefix}${names[deed.stream]}`;
    try {
      await doOne(client, stream, deed, prefix);
    } catch (error) {
      const isRefusal = error instanceof StreamDeletedError || error instanceof WrongExpectedVersionError;
      if (!isRefusal) throw error;
    }
  }
};

const doOne = (client: EventStoreDBClient, stream: string, deed: Deed, prefix: string): Promise<unknown> => {
  switch (deed.do) {
    case "append":
      return client.appendToStream(stream, deed.events.map(eventOf));
    case "describe":
      return client.setStreamMetadata(stream, deed.metadata);
    case "link":
      return client.appendToStream(stream, linkTo(`${prefix}${names[deed.to]}`));
    case "delete":
      return client.deleteStream(stream);
    case "tombstone":
      return client.tombstoneStream(stream);
  }
};

const linkTo = (stream: string): EventData => binaryEvent({ type: "$>", data: Buffer.from(`0@${stream}`) });

/** All that clients see of these streams, one by one. */
export const visible = async (client: EventStoreDBClient, prefix: string): Promise<unknown[]> => {
  const streams = names.map((name) => `${prefix}${name}`);
  return Promise.all(
    streams.map(async (stream) => {
      try {
        const events = await Array.fromAsync(client.readStream(stream), ({ event }) => seen(event));
        const { metadata } = await client.getStreamMetadata(stream);
        return { events, metadata };
      } catch (error) {
        if (error instanceof StreamNotFoundError) return "not found";
        if (error instanceof StreamDeletedError) return "deleted";
        throw error;
      }
    }),
  );
};

type Seen = {
  streamId: string;
  revision: bigint;
  id: string;
  type: string;
  isJson: boolean;
  data: unknown;
  metadata: unknown;
};
const seen = (event: Seen | undefined) => {
  if (!event) return undefined;
  const { streamId, revision, id, type, isJson, data, metadata } = event;
  return { streamId, revision, id: type === "$streamDeleted" ? "" : id, type, isJson, data, metadata };
};

/** The events of users in the order of `$all`. */
export const inOrder = async (client: EventStoreDBClient): Promise<unknown[]> => {
  const all = await Array.fromAsync(client.readAll(), ({ event }) => seen(event));
  return all.filter((event) => event && !event.streamId.startsWith("$"));
};
