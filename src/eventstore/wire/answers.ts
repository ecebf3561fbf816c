import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from "node:http2";
import { convertToCommandError } from "@eventstore/db-client";
import { Metadata, status } from "@grpc/grpc-js";
import { EventStoreUnavailable } from "../store.ts";
import { unframing } from "./frames.ts";

/**
 * The messages that a server answers with, as many at once as there are. Ends where the server says that all is well;
 * throws the client's own errors where it says otherwise, `EventStoreUnavailable` where it cannot say anything.
 */
export type Answers = AsyncIterable<readonly Buffer[]> & {
  /** Whoever listens hears nothing any more but, where one is given, the reason. */
  breakOff(reason?: EventStoreUnavailable): void;
};

export const answersOf = (call: ClientHttp2Stream): Answers => {
  const lastWords = lastWordsOf(call);
  // Whoever listens hears of it; whoever has stopped listening need not.
  call.on("error", () => undefined);
  const breakOff = (reason?: EventStoreUnavailable): void => {
    if (!call.closed) call.close(constants.NGHTTP2_CANCEL);
    call.destroy(reason);
  };
  return {
    breakOff,
    async *[Symbol.asyncIterator]() {
      const messagesIn = unframing();
      let isOver = false;
      try {
        for await (const bytes of call.iterator({ destroyOnReturn: false })) {
          const messages = messagesIn(bytes);
          if (messages.length > 0) yield messages;
        }
        isOver = true;
        if (!call.writableEnded) call.end();
      } catch (cause) {
        throw failureIn(lastWords()) ?? (cause instanceof EventStoreUnavailable ? cause : broken(cause));
      } finally {
        // Servers end connections on which calls are broken off too often.
        if (!isOver) breakOff();
      }
      const words = lastWords();
      const failure = words ? failureIn(words) : broken();
      if (failure) throw failure;
    },
  };
};

const broken = (cause?: unknown) => new EventStoreUnavailable("the connection to the event store broke", { cause });

type LastWords = IncomingHttpHeaders & IncomingHttpStatusHeader;

/** They stand at the end of the answers, or in place of them. */
const lastWordsOf = (call: ClientHttp2Stream): (() => LastWords | undefined) => {
  let words: LastWords | undefined;
  call.once("response", (headers) => {
    if (headers[":status"] !== 200 || headers["grpc-status"] !== undefined) words = headers;
  });
  call.once("trailers", (headers) => {
    words = headers;
  });
  return () => words;
};

/** What the gRPC specification makes of answers that did not come from a gRPC server, but from something before it. */
const statusOfHttp: Readonly<Record<number, number>> = {
  400: status.INTERNAL,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.UNIMPLEMENTED,
  429: status.UNAVAILABLE,
  502: status.UNAVAILABLE,
  503: status.UNAVAILABLE,
  504: status.UNAVAILABLE,
};

const failureIn = (words: LastWords | undefined): Error | undefined => {
  if (words === undefined) return undefined;
  const { "grpc-status": said, "grpc-message": message = "", ":status": http = 0 } = words;
  const code = said === undefined ? (statusOfHttp[http] ?? status.UNKNOWN) : Number(said);
  if (code === status.OK) return undefined;
  const details = said === undefined ? `HTTP status ${http}` : decoded(String(message));
  const metadata = Metadata.fromHttp2Headers(words);
  return convertToCommandError(
    Object.assign(new Error(`${code} ${status[code]}: ${details}`), { code, details, metadata }),
  );
};

const decoded = (message: string): string => {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
};
