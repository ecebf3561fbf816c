import type { ServerDuplexStream, ServerWritableStream } from "@grpc/grpc-js";
import type { Message } from "google-protobuf";
import { encode } from "./streamsDefinition.ts";

/** The sending side of a server stream, with HTTP/2's own backpressure. */
export type Outgoing = {
  readonly isGone: boolean;
  onGone(listener: () => void): void;
  /** A promise only when the receiver is slow: it resolves when more may be sent, or when nobody listens any more. */
  send(message: Message | Buffer): Promise<void> | undefined;
};

type Call = ServerWritableStream<unknown, Buffer> | ServerDuplexStream<unknown, Buffer>;

export function createOutgoing(call: Call): Outgoing {
  const listeners: (() => void)[] = [];
  let slowness: PromiseWithResolvers<void> | undefined;
  let isGone = call.cancelled;
  const leave = () => {
    isGone = true;
    slowness?.resolve();
    for (const listener of listeners.splice(0)) listener();
  };
  for (const ending of ["cancelled", "error", "close"]) call.once(ending, leave);
  // Before it says that it is full, a stream of objects takes so many that large events would be many mebibytes.
  const accepted = () => {
    if (call.writableLength > 0) return;
    slowness?.resolve();
    slowness = undefined;
  };

  return {
    get isGone() {
      return isGone;
    },
    onGone: (listener) => {
      listeners.push(listener);
    },
    send(message) {
      if (isGone) return undefined;
      call.write(Buffer.isBuffer(message) ? message : encode(message), accepted);
      if (call.writableLength === 0) return undefined;
      slowness ??= Promise.withResolvers();
      return slowness.promise;
    },
  };
}
