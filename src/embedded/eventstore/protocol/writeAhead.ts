import { ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";

const unsentBytesMax = 128 * 1024;

/**
 * Lets a streaming call hand over messages while earlier ones are still on their way to the socket, up to a bound, so
 * that they leave together. By default each waits for the one before it, and so for a turn of the event loop.
 */
export const writeAhead: ServerInterceptor = (method, call) =>
  method.responseStream ? new WriteAheadCall(call) : new ServerInterceptingCall(call);

class WriteAheadCall extends ServerInterceptingCall {
  #unsentBytes = 0;
  #held: (() => void) | undefined;

  override sendMessage(message: unknown, onAccepted: () => void): void {
    const bytes = message instanceof Uint8Array ? message.length : unsentBytesMax;
    this.#unsentBytes += bytes;
    super.sendMessage(message, () => {
      this.#unsentBytes -= bytes;
      const resume = this.#held;
      if (resume === undefined || this.#unsentBytes >= unsentBytesMax) return;
      this.#held = undefined;
      resume();
    });
    if (this.#unsentBytes < unsentBytesMax) onAccepted();
    else this.#held = onAccepted;
  }
}
