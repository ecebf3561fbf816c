import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerDuplexStream,
  ServerReadableStream,
  ServerWritableStream,
} from "@grpc/grpc-js";
import { RpcError, shuttingDown, unknownError } from "../errors.ts";

type CallGuard = {
  unary<Request, Response>(handler: (request: Request) => Promise<Response>): handleUnaryCall<Request, Response>;
  clientStreaming<Request, Response>(
    handler: (call: ServerReadableStream<Request, Response>) => Promise<Response>,
  ): handleClientStreamingCall<Request, Response>;
  streaming<Request, Response>(
    handler: (call: ServerWritableStream<Request, Response>) => Promise<void>,
  ): handleServerStreamingCall<Request, Response>;
  /** What a handler gives to `beforeEnd` is called and awaited when the server is to end the call. */
  duplex<Request, Response>(
    handler: (call: ServerDuplexStream<Request, Response>, beforeEnd: (finish: Finish) => void) => void,
  ): handleBidiStreamingCall<Request, Response>;
  /**
   * Admits nothing new and ends the calls that would last for ever or are still being sent, so that clients reconnect
   * elsewhere or later. Requests that were received whole are still answered; resolves when all that last have ended.
   */
  shutDown(): Promise<void>;
};

/** Takes no further requests, and resolves when those that were taken are answered. */
export type Finish = () => Promise<void>;

type Destroyable = { destroy(error: Error): unknown; once(event: string, listener: () => void): unknown };
type Lasting = { emit(event: "error", error: Error): boolean; once(event: string, listener: () => void): unknown };

/** Turns what a handler throws into a status of its own call, so that no call can take another one with it. */
export function createCallGuard(onFailure: (error: unknown) => void): CallGuard {
  const lasting = new Map<Lasting, Finish | undefined>();
  const receiving = new Set<Destroyable>();
  let isShutDown = false;

  const statusOf = (error: unknown): RpcError => {
    if (error instanceof RpcError) return error;
    onFailure(error);
    return unknownError(error instanceof Error ? error.message : String(error));
  };

  const track = (call: Lasting) => {
    lasting.set(call, undefined);
    for (const event of ["finish", "cancelled", "close"]) call.once(event, () => lasting.delete(call));
  };

  const trackRequest = (call: Destroyable) => {
    receiving.add(call);
    for (const event of ["end", "close"]) call.once(event, () => receiving.delete(call));
  };

  return {
    unary: (handler) => (call, answer) => {
      if (isShutDown) return answer(shuttingDown());
      handler(call.request).then(
        (response) => answer(null, response),
        (error: unknown) => answer(statusOf(error)),
      );
    },
    // What fails because the caller has gone is nobody's failure, and there is nobody left to tell.
    clientStreaming: (handler) => (call, answer) => {
      if (isShutDown) return answer(shuttingDown());
      trackRequest(call);
      handler(call).then(
        (response) => answer(null, response),
        (error: unknown) => {
          if (!call.cancelled) answer(statusOf(error));
        },
      );
    },
    streaming: (handler) => (call) => {
      if (isShutDown) return void call.emit("error", shuttingDown());
      track(call);
      handler(call).catch((error: unknown) => {
        if (!call.cancelled) call.emit("error", statusOf(error));
      });
    },
    duplex: (handler) => (call) => {
      if (isShutDown) return void call.emit("error", shuttingDown());
      track(call);
      handler(call, (finish) => lasting.set(call, finish));
    },
    shutDown: async () => {
      isShutDown = true;
      for (const call of receiving) call.destroy(shuttingDown());
      const ending = [...lasting].map(async ([call, finish]) => {
        await finish?.();
        call.emit("error", shuttingDown());
      });
      await Promise.all(ending);
    },
  };
}
