import { type Connection, connectTo, isUnavailability } from "./connection.ts";
import { followOver } from "./follow.ts";
import { type Groups, groupsOver } from "./persistentSubscription.ts";
import { type EventStore, EventStoreUnavailable, type NewEvent, type StoredEvent } from "./store.ts";
import type { ProposedEvent } from "./wire/appendMessages.ts";
import { decodeRead, encodeAllRead, encodeStreamRead } from "./wire/readMessages.ts";

/** The store itself gives up a write after two seconds; what is not answered by then hangs on the connection. */
const appendTimeoutMs = 4_000;
/** How long a read may stay silent before its connection counts as broken. */
const readSilenceMs = 5_000;

/** The port over EventStoreDB's own client, for any store that speaks its protocol. */
export const eventStoreDb = ({ url }: { url: string }): EventStore & { groups: Groups; close(): Promise<void> } => {
  const connection = connectTo(url, { appendTimeoutMs });

  const reading = (request: Uint8Array) => readingOver(connection, request);

  return {
    async append(stream, events, expected) {
      const appends = await connection.appends();
      return appends.append(stream, events.map(proposed), expected);
    },
    read: (stream, from = 0n, count = Number.MAX_SAFE_INTEGER) => reading(encodeStreamRead({ stream, from, count })),
    last: (stream) => only(reading(encodeStreamRead({ stream, from: "end", count: 1 }))),
    head: async () => (await only(reading(encodeAllRead({ from: "end", count: 1 }))))?.position ?? -1n,
    async newest() {
      const backwards = reading(encodeAllRead({ from: "end", count: Number.MAX_SAFE_INTEGER }));
      for await (const event of backwards) if (isOurs(event)) return event;
      return undefined;
    },
    async at(position) {
      const event = await only(reading(encodeAllRead({ from: position, count: 1 })));
      return event?.position === position && isOurs(event) ? event : undefined;
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

/** Runs a read on a connection that stands, and says in the port's words when it does not any more. */
async function* readingOver(connection: Connection, request: Uint8Array): AsyncGenerator<StoredEvent> {
  const session = await connection.session();
  const answers = session.ask("Read", request);
  let silence: NodeJS.Timeout | undefined;
  const listen = () => {
    const wentSilent = () => answers.breakOff(new EventStoreUnavailable("the event store went silent"));
    silence = setTimeout(wentSilent, readSilenceMs);
  };
  try {
    listen();
    for await (const messages of answers) {
      clearTimeout(silence);
      for (const message of messages) {
        const read = decodeRead(message);
        if (read?.kind === "event") yield read.event;
      }
      listen();
    }
  } catch (error) {
    if (!isUnavailability(error)) throw error;
    session.retire();
    throw new EventStoreUnavailable("the event store cannot be read", { cause: error });
  } finally {
    clearTimeout(silence);
  }
}

/** Not one of the store's own. */
const isOurs = ({ stream }: StoredEvent): boolean => !stream.startsWith("$");

const proposed = ({ id, type, data, metadata, json }: NewEvent): ProposedEvent => ({
  id,
  type,
  isJson: true,
  data: json?.data ?? JSON.stringify(data),
  metadata: json?.metadata ?? JSON.stringify(metadata),
});

/**
 * Read to its end: breaking a read off resets its stream, and HTTP/2 servers end connections on which streams are
 * reset too often.
 */
const only = async <T>(items: AsyncIterable<T>): Promise<T | undefined> => {
  let last: T | undefined;
  for await (const item of items) last = item;
  return last;
};
