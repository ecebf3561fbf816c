import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from "node:http2";
import type { SecureContextOptions } from "node:tls";
import { EventStoreUnavailable } from "../store.ts";
import { type Answers, answersOf } from "./answers.ts";
import { framed } from "./frames.ts";

/** Where a server is and how it is spoken to. */
export type Place = {
  /** `host:port` */
  address: string;
  /** Undefined where nothing is encrypted. */
  tls: SecureContextOptions | undefined;
  /** Sent with every call: who calls. */
  headers: OutgoingHttpHeaders;
  keepAlive: { intervalMs: number; timeoutMs: number };
};

/** One HTTP/2 connection, over which any number of gRPC calls go at once. */
export type Session = {
  /** Asks once, and hears any number of answers. */
  ask(method: string, request: Uint8Array): Answers;
  /** Says any number of things, and hears any number of answers. */
  converse(method: string): { say(message: Uint8Array): void; end(): void; answers: Answers };
  /** No calls begin any more; those that are under way go on to their end. */
  retire(): void;
  /** Breaks off what is under way as well. */
  close(): void;
  /** Resolves when nothing is under way any more and the connection is gone. */
  closed: Promise<void>;
};

const connectTimeoutMs = 3_000;
/** So much of a call may be on its way, or wait for its reader. */
const windowBytes = 1 << 20;
const sharedWindowBytes = 16 << 20;
/** Were what waits to be sent to exceed this, calls would be refused until it has gone out. */
const memoryMaxMiB = 256;

/**
 * gRPC over `node:http2` alone, for the two methods that carry everything: a general gRPC library spends several times
 * as long on a message as it takes to write or read it.
 *
 * @param whenEnded hears once when nothing can be asked any more.
 * @throws EventStoreUnavailable
 */
export const openSession = async (place: Place, whenEnded: () => void): Promise<Session> => {
  const scheme = place.tls ? "https" : "http";
  const session = connect(`${scheme}://${place.address}`, {
    ...place.tls,
    settings: { initialWindowSize: windowBytes },
    maxSessionMemory: memoryMaxMiB,
  });
  await connected(session);
  let hasEnded = false;
  const onEnd = () => {
    if (hasEnded) return;
    hasEnded = true;
    whenEnded();
  };
  // An error is followed by "close".
  session
    .on("error", () => undefined)
    .once("goaway", onEnd)
    .once("close", onEnd);
  keepAlive(session, place.keepAlive, onEnd);
  const open = opening(session, place);
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>();
  session.once("close", onClosed);

  return {
    ask(method, request) {
      const call = open(method);
      call.end(framed([request]));
      return answersOf(call);
    },
    converse(method) {
      const call = open(method);
      return { ...saying(call), answers: answersOf(call) };
    },
    retire() {
      session.close();
      onEnd();
    },
    close: () => session.destroy(),
    closed,
  };
};

const connected = async (session: ClientHttp2Session): Promise<void> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const late = setTimeout(() => reject(new Error("it took too long")), connectTimeoutMs);
  session
    .once("connect", () => {
      // Here, since by the next turn the connection may have broken again, and then this throws.
      session.setLocalWindowSize(sharedWindowBytes);
      resolve();
    })
    .once("error", reject)
    .once("close", () => reject(new Error("it was closed")));
  try {
    await promise;
  } catch (cause) {
    session.on("error", () => undefined).destroy();
    throw new EventStoreUnavailable("the event store does not accept connections", { cause });
  } finally {
    clearTimeout(late);
    session.off("error", reject);
  }
};

/** A connection that broke without a word is noticed, and one that nobody uses is not cut by what stands between. */
const keepAlive = (session: ClientHttp2Session, every: Place["keepAlive"], onEnd: () => void): void => {
  if (every.intervalMs < 0 || every.timeoutMs < 0) return;
  const giveUp = () => {
    clearInterval(beat);
    session.destroy();
    onEnd();
  };
  const beat = setInterval(() => {
    if (session.destroyed) return;
    const late = setTimeout(giveUp, every.timeoutMs).unref();
    session.ping(() => clearTimeout(late));
  }, every.intervalMs).unref();
  session.once("close", () => clearInterval(beat));
};

/** A session keeps the process alive while calls are under way, and only then. */
const opening = (session: ClientHttp2Session, { headers }: Place) => {
  let underWay = 0;
  session.unref();
  const ended = () => {
    underWay -= 1;
    if (underWay === 0 && !session.destroyed) session.unref();
  };
  return (method: string): ClientHttp2Stream => {
    if (session.closed || session.destroyed) throw new EventStoreUnavailable("the connection has ended");
    const path = `/event_store.client.streams.Streams/${method}`;
    const call = session.request({
      ...{ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" },
      ...headers,
    });
    if (underWay === 0) session.ref();
    underWay += 1;
    return call.once("close", ended);
  };
};

/** What is said within one turn goes out in one write. */
const saying = (call: ClientHttp2Stream) => {
  let unsent: Uint8Array[] = [];
  const send = () => {
    call.write(framed(unsent));
    unsent = [];
  };
  return {
    say(message: Uint8Array): void {
      if (unsent.push(message) === 1) process.nextTick(send);
    },
    end: () => void process.nextTick(() => call.end()),
  };
};
