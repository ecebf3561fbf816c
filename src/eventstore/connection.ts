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
import { clientAt } from "./clientAt.ts";
import { EventStoreUnavailable } from "./store.ts";

const connectTimeoutMs = 3_000;
/** After a failed attempt everyone is told so for this long, instead of each trying again. */
const failureTtlMs = 100;
const keepAliveMs = 10_000;

/** One connection to the event store, made again when it breaks. Every use begins with one of the first two. */
export type Connection = {
  /** A client whose connection stands. Throws `EventStoreUnavailable`; nothing has been sent then. */
  client(): Promise<EventStoreDBClient>;
  /** The same, with the call that appends travel over. */
  appends(): Promise<BatchAppend>;
  /** Told by whoever saw this client's connection fail: the next use gets a new one. */
  failed(client: EventStoreDBClient): void;
  /** Appends that still wait are told that their answer is lost. */
  close(): Promise<void>;
};

export const connectTo = (url: string, options: { appendTimeoutMs: number }): Connection => {
  let client = newClient(url);
  let connected: Promise<EventStoreDBClient> | undefined;
  let appends: Promise<BatchAppend> | undefined;

  const failed = (which: EventStoreDBClient) => {
    if (which !== client) return;
    client = nextClient(url) ?? client;
    connected = undefined;
    appends = undefined;
  };

  const connect = async (which: EventStoreDBClient): Promise<EventStoreDBClient> => {
    try {
      await standing(await channelOf.call(which));
      return which;
    } catch (error) {
      setTimeout(() => failed(which), failureTtlMs).unref();
      throw isUnavailability(error) ? new EventStoreUnavailable("no connection", { cause: error }) : error;
    }
  };

  const open = async (): Promise<BatchAppend> => {
    const which = await current();
    return openBatchAppend(which, { timeoutMs: options.appendTimeoutMs, onEnd: () => failed(which) });
  };

  const current = async () => {
    connected ??= connect(client);
    try {
      return await connected;
    } catch (error) {
      // Whoever tries again at once must not keep the event loop from noticing that time passes.
      await immediate();
      throw error;
    }
  };

  return {
    client: current,
    appends() {
      appends ??= open().catch((error: unknown) => {
        appends = undefined;
        throw error;
      });
      return appends;
    },
    failed,
    async close() {
      const opened = await appends?.catch(() => undefined);
      opened?.close();
      (await channelOf.call(client)).close();
    },
  };
};

/**
 * gRPC shares its sockets, and how long it waits before it connects again (up to two minutes), between all channels of
 * the process that have equal options. The intervals of ours differ by a millisecond: each has a socket of its own,
 * which connects at once.
 */
let clientsMade = 0;
const newClient = (url: string): EventStoreDBClient => {
  clientsMade += 1;
  return clientAt(url, { keepAliveInterval: String(keepAliveMs + (clientsMade % 1_000)) });
};

/** Without it, the former client tries again. */
const nextClient = (url: string): EventStoreDBClient | undefined => {
  try {
    return newClient(url);
  } catch {
    // The file with the certificate is not there, as the folder it is in: it may come back.
    return undefined;
  }
};

function channelOf(this: EventStoreDBClient): Promise<ChannelInterface> {
  return this.getChannel();
}

/** Resolves when the channel can carry a call, rejects as soon as an attempt to connect has failed. */
const standing = async (channel: ChannelInterface): Promise<void> => {
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
