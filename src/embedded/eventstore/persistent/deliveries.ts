import { createStrategy } from "./consumerStrategy.ts";
import type { GroupSettings } from "./groupConfig.ts";
import { createInFlight, type Delivered } from "./inFlight.ts";
import { createLowWaterMark, type LowWaterMark, type Mark } from "./lowWaterMark.ts";
import type { Message } from "./message.ts";
import { createRetryQueue, offer } from "./retryQueue.ts";

export type NackAction = "park" | "retry" | "skip" | "stop";

/** A message that is to be set aside, and why. It counts as unhandled until `settled` is told that it was. */
export type Parking = { readonly message: Message; readonly reason: string };

type DeliverySettings = Pick<
  GroupSettings,
  "strategy" | "maxRetryCount" | "messageTimeoutMs" | "readBatchSize" | "historyBufferSize"
>;

export type Deliveries = {
  readonly fresh: number;
  readonly retrying: number;
  readonly inFlight: number;
  heldBy(consumer: string): number;
  join(consumer: string, capacity: number): void;
  /** What the consumer had is retried by others. */
  leave(consumer: string): void;
  /** Whether the consumer's connection takes more for the moment. */
  setReady(consumer: string, isReady: boolean): void;
  /** A new event; the sequences of each origin only grow. */
  add(message: Message): void;
  /** An event of the source that nobody wants. */
  pass(sequence: number): void;
  /** How many more messages are of use now, since somebody could take them and none of those held is for him. */
  readonly wanted: number;
  /** The next deliveries, which are in flight from now on. */
  take(nowMs: number, limit: number): readonly Delivered[];
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
  /** Up to where the source is handled. */
  readonly mark: Mark;
  /** Up to where parked messages that are replayed are handled; undefined when all of them are. */
  readonly replayMark: Mark | undefined;
};

/**
 * Which message goes to whom, and what becomes of it. Decides only: it neither reads, writes nor sends, and is told the
 * time. Every message that was added is in exactly one place until it is handled: waiting, in flight or being parked.
 */
export function createDeliveries(settings: DeliverySettings, startsAfter: number): Deliveries {
  const strategy = createStrategy(settings.strategy);
  const capacities = new Map<string, number>();
  const busy = new Set<string>();
  const fresh: Message[] = [];
  const retries = createRetryQueue();
  const inFlight = createInFlight();
  const marks: Readonly<Record<Message["origin"], LowWaterMark>> = {
    source: createLowWaterMark(startsAfter),
    parked: createLowWaterMark(-1),
  };

  const hasRoom = (consumer: string): boolean =>
    !busy.has(consumer) && inFlight.heldBy(consumer) < (capacities.get(consumer) ?? 0);

  const isAnyoneFree = (): boolean => {
    for (const consumer of capacities.keys()) if (hasRoom(consumer)) return true;
    return false;
  };

  const handled = (message: Message) => marks[message.origin].handled(message.sequence);

  const retry = (message: Message) => retries.add({ ...message, retries: message.retries + 1 });

  const retryOrPark = (message: Message): readonly Parking[] => {
    if (message.retries >= settings.maxRetryCount) {
      return [{ message, reason: `Reached retry count of ${settings.maxRetryCount}` }];
    }
    retry(message);
    return [];
  };

  const refusals: Readonly<Record<NackAction, (message: Message, reason: string) => readonly Parking[]>> = {
    park: (message, reason) => [{ message, reason: `Client explicitly NAK'ed message.\n${reason}` }],
    retry: retryOrPark,
    skip: (message) => {
      handled(message);
      return [];
    },
    // The protocol knows a consumer that wants the group to stop, but a group only ever lets go of the message.
    stop: (message) => {
      handled(message);
      return [];
    },
  };

  const take = (nowMs: number, limit: number): readonly Delivered[] => {
    const taken: Delivered[] = [];
    const tryToDeliver = (message: Message): boolean | "enough" => {
      if (taken.length >= limit || !isAnyoneFree()) return "enough";
      // Two events may carry one id, and an answer to it must mean one of them: the second waits for the first.
      const consumer = inFlight.has(message.id) ? undefined : strategy.choose(message.affinity, hasRoom);
      if (consumer === undefined) return false;
      const delivered = { message, consumer, deliveredAtMs: nowMs };
      inFlight.add(delivered);
      taken.push(delivered);
      return true;
    };
    retries.offerTo(tryToDeliver);
    offer(fresh, tryToDeliver);
    return taken;
  };

  return {
    get fresh() {
      return fresh.length;
    },
    get retrying() {
      return retries.size;
    },
    get inFlight() {
      return inFlight.size;
    },
    heldBy: inFlight.heldBy,
    join: (consumer, capacity) => {
      capacities.set(consumer, capacity);
      strategy.joined(consumer);
    },
    leave: (consumer) => {
      capacities.delete(consumer);
      busy.delete(consumer);
      strategy.left(consumer);
      for (const { message } of inFlight.removeAllOf(consumer)) retry(message);
    },
    setReady: (consumer, isReady) => {
      if (isReady) busy.delete(consumer);
      else busy.add(consumer);
    },
    add: (message) => {
      marks[message.origin].began(message.sequence);
      if (message.origin === "source") fresh.push(message);
      else retries.add(message);
    },
    pass: marks.source.passed,
    get wanted() {
      if (!isAnyoneFree()) return 0;
      return Math.min(settings.readBatchSize, settings.historyBufferSize - fresh.length - retries.size);
    },
    take,
    acknowledge: (ids) => {
      const acknowledged = ids.map((id) => inFlight.remove(id)).filter((delivered) => delivered !== undefined);
      for (const { message } of acknowledged) handled(message);
      return acknowledged;
    },
    refuse: (consumer, ids, action, reason) =>
      ids.flatMap((id) => {
        const refused = inFlight.remove(id, consumer);
        return refused === undefined ? [] : refusals[action](refused.message, reason);
      }),
    expire: (nowMs) =>
      inFlight.removeDeliveredBefore(nowMs - settings.messageTimeoutMs).flatMap(({ message }) => retryOrPark(message)),
    settled: handled,
    restore: retries.add,
    get mark() {
      return marks.source.mark;
    },
    get replayMark() {
      return marks.parked.unhandled === 0 ? undefined : marks.parked.mark;
    },
  };
}
