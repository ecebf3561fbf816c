import type { GroupSettings } from "./groupConfig.ts";
import type { Delivered, InFlight } from "./inFlight.ts";
import type { Message } from "./message.ts";
import type { RetryQueue } from "./retryQueue.ts";

export type NackAction = "park" | "retry" | "skip" | "stop";

/** A message that is to be set aside, and why. It counts as unhandled until `settled` is told that it was. */
export type Parking = { readonly message: Message; readonly reason: string };

/** What becomes of messages that were delivered. */
export type Answers = {
  /** Returns those that were in flight, whoever had them: a late answer is an answer. */
  acknowledge(ids: readonly string[]): readonly Delivered[];
  /** Only the consumer that has a message can refuse it. Returns what is to be parked. */
  refuse(consumer: string, ids: readonly string[], action: NackAction, reason: string): readonly Parking[];
  /** Retries what was delivered too long ago. Returns what is to be parked. */
  expire(nowMs: number): readonly Parking[];
  /** The message is durably parked. */
  settled(message: Message): void;
  /** The message could not be parked, and is delivered again. */
  restore(message: Message): void;
};

type RetrySettings = Pick<GroupSettings, "maxRetryCount" | "messageTimeoutMs">;

export function createAnswers(
  { maxRetryCount, messageTimeoutMs }: RetrySettings,
  inFlight: InFlight,
  retries: RetryQueue,
  handled: (message: Message) => void,
): Answers {
  const retryOrPark = (message: Message): readonly Parking[] => {
    if (message.retries >= maxRetryCount) return [{ message, reason: `Reached retry count of ${maxRetryCount}` }];
    retries.add({ ...message, retries: message.retries + 1 });
    return [];
  };

  const letGo = (message: Message): readonly Parking[] => {
    handled(message);
    return [];
  };

  const verdicts: Readonly<Record<NackAction, (message: Message, reason: string) => readonly Parking[]>> = {
    park: (message, reason) => [{ message, reason: `Client explicitly NAK'ed message.\n${reason}` }],
    retry: retryOrPark,
    skip: letGo,
    // The protocol has a consumer ask the group to stop, yet all that a group does is to let go of the message.
    stop: letGo,
  };

  return {
    acknowledge(ids) {
      const acknowledged = ids.map((id) => inFlight.remove(id)).filter((delivered) => delivered !== undefined);
      for (const { message } of acknowledged) handled(message);
      return acknowledged;
    },
    refuse: (consumer, ids, action, reason) =>
      ids.flatMap((id) => {
        const refused = inFlight.remove(id, consumer);
        return refused === undefined ? [] : verdicts[action](refused.message, reason);
      }),
    expire: (nowMs) =>
      inFlight.removeDeliveredBefore(nowMs - messageTimeoutMs).flatMap(({ message }) => retryOrPark(message)),
    settled: handled,
    restore: retries.add,
  };
}
