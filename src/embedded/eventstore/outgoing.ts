import type { ServerWritableStream } from "@grpc/grpc-js";

/** The sending side of a server stream, with HTTP/2's own backpressure. */
export type Outgoing<Message> = {
  readonly isGone: boolean;
  onGone(listener: () => void): void;
  /** Returns a promise only when the receiver is slow: it resolves when more may be sent, or when nobody listens any more. */
  send(message: Message): Promise<void> | undefined;
};

export function createOutgoing<Message>(
  call: Pick<ServerWritableStream<unknown, Message>, "write" | "once" | "cancelled">,
): Outgoing<Message> {
  let resume: (() => void) | undefined;
  let isGone = call.cancelled;
  const listeners: (() => void)[] = [];
  const leave = () => {
    isGone = true;
    resume?.();
    for (const listener of listeners.splice(0)) listener();
  };
  for (const event of ["cancelled", "error", "close"]) call.once(event, leave);

  return {
    get isGone() {
      return isGone;
    },
    onGone: (listener) => {
      listeners.push(listener);
    },
    send(message) {
      if (isGone || call.write(message)) return undefined;
      return new Promise((resolve) => {
        resume = resolve;
        call.once("drain", resolve);
      });
    },
  };
}
