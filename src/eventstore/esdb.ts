import {
  BACKWARDS,
  END,
  type EventStoreDBClient,
  FORWARDS,
  type ReadStreamOptions,
  START,
  type StreamingRead,
  StreamNotFoundError,
} from "@eventstore/db-client";
import type { ProposedEvent } from "./batchAppend.ts";
import { type Connection, connectTo, isUnavailability } from "./connection.ts";
import { followOver, storedEvent } from "./follow.ts";
import { type Groups, groupsOver } from "./persistentSubscription.ts";
import { type EventStore, EventStoreUnavailable, type NewEvent } from "./store.ts";

/** The store itself gives up a write after two seconds; what is not answered by then hangs on the connection. */
const appendTimeoutMs = 4_000;
/** How long a read may stay silent before its connection counts as broken. */
const readSilenceMs = 5_000;

/** The port over EventStoreDB's own client, for any store that speaks its protocol. */
export const eventStoreDb = ({ url }: { url: string }): EventStore & { groups: Groups; close(): Promise<void> } => {
  const connection = connectTo(url, { appendTimeoutMs });

  const reading = <T>(open: (client: EventStoreDBClient) => StreamingRead<T>) => readingOver(connection, open);
  const readStream = (stream: string, options: ReadStreamOptions) =>
    reading((client) => client.readStream(stream, options));

  return {
    async append(stream, events, expected) {
      const appends = await connection.appends();
      return appends.append(stream, events.map(proposed), expected);
    },
    async *read(stream, from = 0n, count = Number.MAX_SAFE_INTEGER) {
      const options = { direction: FORWARDS, fromRevision: from === 0n ? START : from, maxCount: count } as const;
      for await (const { event } of readStream(stream, options)) if (event) yield storedEvent(event);
    },
    async last(stream) {
      const options = { direction: BACKWARDS, fromRevision: END, maxCount: 1 } as const;
      return only(readStream(stream, options), ({ event }) => event && storedEvent(event));
    },
    async head() {
      const newest = reading((client) => client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 1 }));
      return (await only(newest, ({ event }) => event?.position?.commit)) ?? -1n;
    },
    async newest() {
      const backwards = reading((client) => client.readAll({ direction: BACKWARDS, fromPosition: END }));
      for await (const { event } of backwards) if (event && isOurs(event)) return storedEvent(event);
      return undefined;
    },
    async at(position) {
      const fromPosition = { commit: position, prepare: position };
      const found = reading((client) => client.readAll({ direction: FORWARDS, fromPosition, maxCount: 1 }));
      const event = await only(found, ({ event }) => event);
      return event?.position?.commit === position && isOurs(event) ? storedEvent(event) : undefined;
    },
    async isReachable() {
      try {
        await this.head();
        return true;
      } catch (error) {
        if (error instanceof EventStoreUnavailable) return false;
        throw error;
      }
    },
    follow: followOver(connection),
    groups: groupsOver(connection),
    close: () => connection.close(),
  };
};

/** By then the server has ended the call that said there is no such stream: to break it off costs no reset (`only`). */
const endingMs = 1_000;

/** Runs a read on a connection that stands, and says in the port's words when it does not any more. */
async function* readingOver<T>(
  connection: Connection,
  open: (client: EventStoreDBClient) => StreamingRead<T>,
): AsyncGenerator<T> {
  const client = await connection.client();
  const events = open(client);
  let breakOffAfterMs: number | undefined = 0;
  let silence: NodeJS.Timeout | undefined;
  const listen = () => {
    clearTimeout(silence);
    silence = setTimeout(() => events.destroy(new EventStoreUnavailable("the event store went silent")), readSilenceMs);
  };
  try {
    listen();
    for await (const event of events.iterator({ destroyOnReturn: false })) {
      clearTimeout(silence);
      yield event;
      listen();
    }
    breakOffAfterMs = undefined;
  } catch (error) {
    if (error instanceof StreamNotFoundError) {
      breakOffAfterMs = endingMs;
      return;
    }
    if (!isUnavailability(error)) throw error;
    connection.failed(client);
    throw new EventStoreUnavailable("the event store cannot be read", { cause: error });
  } finally {
    clearTimeout(silence);
    // A call whose answers stay unread never ends, and the client keeps it for good: what has come in is let through.
    events.resume();
    if (breakOffAfterMs !== undefined)
      setTimeout(() => void events.cancel().catch(() => undefined), breakOffAfterMs).unref();
  }
}

/** Not one of the store's own. */
const isOurs = ({ streamId }: { streamId: string }): boolean => !streamId.startsWith("$");

const proposed = ({ id, type, data, metadata }: NewEvent): ProposedEvent => ({
  id,
  type,
  isJson: true,
  data: Buffer.from(JSON.stringify(data), "utf8"),
  metadata: Buffer.from(JSON.stringify(metadata), "utf8"),
});

/**
 * Read to its end: breaking a read off resets its stream, and HTTP/2 servers end connections on which streams are
 * reset too often.
 */
const only = async <T, R>(items: AsyncIterable<T>, pick: (item: T) => R): Promise<R | undefined> => {
  let picked: R | undefined;
  for await (const item of items) picked = pick(item);
  return picked;
};
