import type { OutgoingHttpHeaders } from "node:http2";
import { setImmediate as immediate } from "node:timers/promises";
import {
  AccessDeniedError,
  CancelledError,
  DeadlineExceededError,
  type EventStoreDBClient,
  NotLeaderError,
  TimeoutError,
  UnavailableError,
  UnknownError,
} from "@eventstore/db-client";
import { type ChannelInterface, connectivityState } from "@grpc/grpc-js";
import { type BatchAppend, openBatchAppend } from "./batchAppend.ts";
import { type Access, clientAt } from "./clientAt.ts";
import { EventStoreUnavailable } from "./store.ts";
import { openSession, type Session } from "./wire/session.ts";

const connectTimeoutMs = 3_000;
/** After a failed attempt everyone is told so for this long, instead of each trying again. */
const failureTtlMs = 100;
const keepAliveMs = 10_000;

/** One connection to the event store, made again when it breaks. Every use begins with one of the first three. */
export type Connection = {
  /** A client whose connection stands. Throws `EventStoreUnavailable`; nothing has been sent then. */
  client(): Promise<EventStoreDBClient>;
  /** The same, to read over: a connection of our own beside the client's. */
  session(): Promise<Session>;
  /** The same, with the call that appends travel over. */
  appends(): Promise<BatchAppend>;
  /** Told by whoever saw this client's connection fail: the next use gets a new one. */
  failed(client: EventStoreDBClient): void;
  /** Appends that still wait are told that their answer is lost. */
  close(): Promise<void>;
};

/** What stands, or is on its way to. */
type Standing = {
  client?: Promise<EventStoreDBClient>;
  session?: Promise<Session>;
  appends?: Promise<BatchAppend>;
};

export const connectTo = (url: string, { appendTimeoutMs }: { appendTimeoutMs: number }): Connection => {
  let access = newAccess(url);
  let standing: Standing = {};
  const retired = new Set<Standing>();

  /** What is under way over it still comes to its end. */
  const retire = async (former: Standing): Promise<void> => {
    retired.add(former);
    (await ifAny(former.appends))?.retire();
    const session = await ifAny(former.session);
    session?.retire();
    await session?.closed;
    retired.delete(former);
  };

  const abandon = (which: Access) => {
    if (which !== access) return;
    void retire(standing);
    access = nextAccess(url) ?? { ...access };
    standing = {};
  };

  const make = async <T>(open: (which: Access) => Promise<T>): Promise<T> => {
    const which = access;
    try {
      return await open(which);
    } catch (error) {
      setTimeout(() => abandon(which), failureTtlMs).unref();
      throw isUnavailability(error) ? new EventStoreUnavailable("no connection", { cause: error }) : error;
    }
  };

  const session = () => {
    standing.session ??= make((which) => sessionFor(which, () => abandon(which)));
    return patient(standing.session);
  };

  return {
    client() {
      standing.client ??= make((which) => standingClient(which));
      return patient(standing.client);
    },
    session,
    appends() {
      standing.appends ??= make(async (which) =>
        openBatchAppend(await session(), { timeoutMs: appendTimeoutMs, onEnd: () => abandon(which) }),
      );
      return patient(standing.appends);
    },
    failed(client) {
      if (client === access.client) abandon(access);
    },
    async close() {
      const { client, session, appends } = standing;
      for (const former of retired) {
        (await ifAny(former.appends))?.close();
        (await ifAny(former.session))?.close();
      }
      (await ifAny(appends))?.close();
      (await ifAny(session))?.retire();
      const opened = await ifAny(client);
      if (opened) (await channelOf.call(opened)).close();
    },
  };
};

const ifAny = <T>(made: Promise<T> | undefined): Promise<T | undefined> =>
  made?.catch(() => undefined) ?? Promise.resolve(undefined);

/** Whoever tries again at once must not keep the event loop from noticing that time passes. */
const patient = async <T>(made: Promise<T>): Promise<T> => {
  try {
    return await made;
  } catch (error) {
    await immediate();
    throw error;
  }
};

const standingClient = async ({ client }: Access): Promise<EventStoreDBClient> => {
  await untilStanding(await channelOf.call(client));
  return client;
};

/** The client knows where to connect, which in a cluster it asks for, and as whom. */
const sessionFor = async ({ client, ...how }: Access, onEnd: () => void): Promise<Session> => {
  const [address, headers] = [await addressOf.call(client), await headersOf.call(client)];
  return openSession({ ...how, address, headers }, onEnd);
};

function addressOf(this: EventStoreDBClient): Promise<string> {
  return this.resolveUri();
}

async function headersOf(this: EventStoreDBClient): Promise<OutgoingHttpHeaders> {
  const [metadata, { credentials }] = this.callArguments({}, { deadline: Infinity });
  const calls = { method_name: "", service_url: "" };
  if (credentials) metadata.merge(await credentials.generateMetadata(calls));
  return metadata.toHttp2Headers();
}

/**
 * gRPC shares its sockets, and how long it waits before it connects again (up to two minutes), between all channels of
 * the process that have equal options. The intervals of ours differ by a millisecond: each has a socket of its own,
 * which connects at once.
 */
let clientsMade = 0;
const newAccess = (url: string): Access => {
  clientsMade += 1;
  return clientAt(url, { keepAliveInterval: String(keepAliveMs + (clientsMade % 1_000)) });
};

/** Without it, the former one is tried again. */
const nextAccess = (url: string): Access | undefined => {
  try {
    return newAccess(url);
  } catch {
    // The file with the certificate is not there, as the folder it is in: it may come back.
    return undefined;
  }
};

function channelOf(this: EventStoreDBClient): Promise<ChannelInterface> {
  return this.getChannel();
}

/** Resolves when the channel can carry a call, rejects as soon as an attempt to connect has failed. */
const untilStanding = async (channel: ChannelInterface): Promise<void> => {
  const deadline = Date.now() + connectTimeoutMs;
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return;
    if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN)
      throw new EventStoreUnavailable("the event store does not accept connections");
    await new Promise<void>((resolve, reject) => {
      channel.watchConnectivityState(state, deadline, (late) =>
        late ? reject(new EventStoreUnavailable("connecting took too long", { cause: late })) : resolve(),
      );
    });
  }
};

const outages = [
  UnavailableError,
  CancelledError,
  TimeoutError,
  DeadlineExceededError,
  NotLeaderError,
  UnknownError,
  EventStoreUnavailable,
];

/** Whether trying again may help. */
export const isUnavailability = (error: unknown): boolean =>
  !(error instanceof AccessDeniedError) && outages.some((outage) => error instanceof outage);
