import type { EventStoreDBClient, PersistentSubscriptionToStream, ResolvedEvent } from "@eventstore/db-client";
import { onTestFinished } from "vitest";

type Delivery = ResolvedEvent & { readonly retryCount: number };

type Subscription = Pick<PersistentSubscriptionToStream, "ack" | "nack" | "unsubscribe"> & NodeJS.EventEmitter;

type Answer = (subscription: Subscription, delivery: Delivery) => Promise<void>;

export const acknowledge: Answer = (subscription, delivery) => subscription.ack(delivery);
export const park: Answer = (subscription, delivery) => subscription.nack("park", "broken", delivery);
export const leaveUnanswered: Answer = async () => {};

export const numberOf = ({ event }: ResolvedEvent): number => {
  const data: unknown = event?.data;
  return typeof data === "object" && data !== null && "n" in data && typeof data.n === "number" ? data.n : -1;
};

type Consumer = {
  /** Of the events it was given, in order. */
  readonly numbers: number[];
  readonly deliveries: Delivery[];
  /** Resolves when its connection broke or the group let it go. */
  readonly ended: Promise<Error>;
  leave(): Promise<void>;
};

function consume(subscription: Subscription, answer: Answer): Consumer {
  const deliveries: Delivery[] = [];
  const numbers: number[] = [];
  const ended = new Promise<Error>((resolve) => {
    subscription.on("error", resolve);
  });
  subscription.on("data", (delivery: Delivery) => {
    deliveries.push(delivery);
    numbers.push(numberOf(delivery));
    // An answer that no longer finds its server is given again when the message is.
    answer(subscription, delivery).catch(() => {});
  });
  const leave = () => subscription.unsubscribe();
  onTestFinished(leave);
  return { numbers, deliveries, ended, leave };
}

export const consumeStream = (
  client: EventStoreDBClient,
  stream: string,
  group: string,
  answer: Answer = acknowledge,
  bufferSize = 10,
): Consumer => consume(client.subscribeToPersistentSubscriptionToStream(stream, group, { bufferSize }), answer);

export const consumeAll = (client: EventStoreDBClient, group: string, answer: Answer = acknowledge): Consumer =>
  consume(client.subscribeToPersistentSubscriptionToAll(group), answer);
