import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerDuplexStream,
  ServerReadableStream,
  ServerWritableStream,
} from "@grpc/grpc-js";
import { RpcError, shuttingDown, unknownError } from "./errors.ts";

type CallGuard = {
  unary<Request, Response>(handler: (request: Request) => Promise<Response>): handleUnaryCall<Request, Response>;
  clientStreaming<Request, Response>(
    handler: (call: ServerReadableStream<Request, Response>) => Promise<Response>,
  ): handleClientStreamingCall<Request, Response>;
  streaming<Request, Response>(
    handler: (call: ServerWritableStream<Request, Response>) => Promise<void>,
  ): handleServerStreamingCall<Request, Response>;
  duplex<Request, Response>(
    handler: (call: ServerDuplexStream<Request, Response>) => void,
  ): handleBidiStreamingCall<Request, Response>;
  /** Ends the calls that would last for ever, so that clients reconnect elsewhere or later. */
  shutDown(): void;
};

type Lasting = { emit(event: "error", error: Error): boolean; once(event: string, listener: () => void): unknown };

/** Turns what a handler throws into a status of its own call, so that no call can take another one with it. */
export function createCallGuard(onFailure: (error: unknown) => void): CallGuard {
  const lasting = new Set<Lasting>();

  const statusOf = (error: unknown): RpcError => {
    if (error instanceof RpcError) return error;
    onFailure(error);
    return unknownError(error instanceof Error ? error.message : String(error));
  };

  const track = (call: Lasting) => {
    lasting.add(call);
    for (const event of ["finish", "cancelled", "close"]) call.once(event, () => lasting.delete(call));
  };

  return {
    unary: (handler) => (call, answer) => {
      handler(call.request).then(
        (response) => answer(null, response),
        (error: unknown) => answer(statusOf(error)),
      );
    },
    // What fails because the caller has gone is nobody's failure, and there is nobody left to tell.
    clientStreaming: (handler) => (call, answer) => {
      handler(call).then(
        (response) => answer(null, response),
        (error: unknown) => {
          if (!call.cancelled) answer(statusOf(error));
        },
      );
    },
    streaming: (handler) => (call) => {
      track(call);
      handler(call).catch((error: unknown) => {
        if (!call.cancelled) call.emit("error", statusOf(error));
      });
    },
    duplex: (handler) => (call) => {
      track(call);
      handler(call);
    },
    shutDown: () => {
      for (const call of lasting) call.emit("error", shuttingDown());
    },
  };
}
