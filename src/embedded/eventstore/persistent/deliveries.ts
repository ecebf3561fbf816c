import { type Answers, createAnswers } from "./answers.ts";
import { type Consumers, createConsumers } from "./consumers.ts";
import type { GroupSettings } from "./groupConfig.ts";
import { createInFlight, type Delivered, type InFlight } from "./inFlight.ts";
import { createLowWaterMark, type LowWaterMark, type Mark } from "./lowWaterMark.ts";
import type { Message } from "./message.ts";
import { type Accepts, createRetryQueue, offer } from "./retryQueue.ts";

type DeliverySettings = Pick<
  GroupSettings,
  "strategy" | "maxRetryCount" | "messageTimeoutMs" | "readBatchSize" | "historyBufferSize"
>;

type Counts = {
  /** Not delivered yet. */
  readonly fresh: number;
  /** To be delivered again. */
  readonly retrying: number;
  readonly inFlight: number;
};

export type Deliveries = Answers &
  Pick<Consumers, "join" | "setReady"> & {
    readonly counts: Counts;
    heldBy(consumer: string): number;
    /** What the consumer had is retried by others. */
    leave(consumer: string): void;
    /** A message to be delivered; the sequences of each origin only grow. */
    add(message: Message): void;
    /** An event of the source that nobody wants. */
    pass(sequence: number): void;
    /** How many more messages are of use now, since somebody could take them and none of those held is for him. */
    readonly wanted: number;
    /** The next deliveries, which are in flight from now on. */
    take(nowMs: number, limit: number): readonly Delivered[];
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
  const fresh: Message[] = [];
  const retries = createRetryQueue();
  const inFlight = createInFlight();
  const consumers = createConsumers(settings.strategy, inFlight.heldBy);
  const marks: Readonly<Record<Message["origin"], LowWaterMark>> = {
    source: createLowWaterMark(startsAfter),
    parked: createLowWaterMark(-1),
  };
  const answers = createAnswers(settings, inFlight, retries, ({ origin, sequence }) => marks[origin].handled(sequence));

  return {
    ...answers,
    join: consumers.join,
    setReady: consumers.setReady,
    heldBy: inFlight.heldBy,
    get counts() {
      return { fresh: fresh.length, retrying: retries.size, inFlight: inFlight.size };
    },
    leave: (consumer) => {
      consumers.leave(consumer);
      for (const { message } of inFlight.removeAllOf(consumer)) {
        retries.add({ ...message, retries: message.retries + 1 });
      }
    },
    add: (message) => {
      marks[message.origin].began(message.sequence);
      if (message.origin === "source") fresh.push(message);
      else retries.add(message);
    },
    pass: marks.source.passed,
    get wanted() {
      if (!consumers.isAnyoneFree) return 0;
      return Math.min(settings.readBatchSize, settings.historyBufferSize - fresh.length - retries.size);
    },
    take: (nowMs, limit) => {
      const { taken, accepts } = handOut(consumers, inFlight, nowMs, limit);
      retries.offerTo(accepts);
      offer(fresh, accepts);
      return taken;
    },
    get mark() {
      return marks.source.mark;
    },
    get replayMark() {
      return marks.parked.unhandled === 0 ? undefined : marks.parked.mark;
    },
  };
}

function handOut(consumers: Consumers, inFlight: InFlight, nowMs: number, limit: number) {
  const taken: Delivered[] = [];
  const accepts: Accepts = (message) => {
    if (taken.length >= limit || !consumers.isAnyoneFree) return "enough";
    // Two events may carry one id, and an answer to it must mean one of them: the second waits for the first.
    const consumer = inFlight.has(message.id) ? undefined : consumers.choose(message.affinity);
    if (consumer === undefined) return false;
    const delivered = { message, consumer, deliveredAtMs: nowMs };
    inFlight.add(delivered);
    taken.push(delivered);
    return true;
  };
  return { taken, accepts };
}
