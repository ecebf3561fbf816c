import { isBefore, type Message } from "./message.ts";

export type RetryQueue = {
  readonly size: number;
  add(message: Message): void;
  /** Hands the messages to `accepts`, in order, and keeps those it refuses, until it says that it has enough. */
  offerTo(accepts: Accepts): void;
};

/** True takes the message, false leaves it where it is, and "enough" ends the offering. */
export type Accepts = (message: Message) => boolean | "enough";

/** Messages that are to be delivered again: those of the source by their place there, and behind them parked ones. */
export function createRetryQueue(): RetryQueue {
  const messages: Message[] = [];

  const placeOf = (message: Message): number => {
    let low = 0;
    let high = messages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const there = messages[middle];
      if (there !== undefined && isBefore(message, there)) high = middle;
      else low = middle + 1;
    }
    return low;
  };

  return {
    get size() {
      return messages.length;
    },
    add: (message) => {
      messages.splice(placeOf(message), 0, message);
    },
    offerTo: (accepts) => offer(messages, accepts),
  };
}

/** Takes out of `messages`, in place, those that are accepted. */
export function offer(messages: Message[], accepts: Accepts): void {
  let kept = 0;
  let index = 0;
  for (; index < messages.length; index += 1) {
    const message = messages[index];
    if (message === undefined) break;
    const verdict = accepts(message);
    if (verdict === "enough") break;
    if (verdict) continue;
    messages[kept] = message;
    kept += 1;
  }
  messages.splice(kept, index - kept);
}
