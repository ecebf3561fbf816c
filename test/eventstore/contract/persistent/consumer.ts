import type { PersistentSubscriptionToAll, PersistentSubscriptionToStream, ResolvedEvent } from "@eventstore/db-client";
import { onTestFinished } from "vitest";
import { numberIn } from "../numbered.ts";

type Subscription = PersistentSubscriptionToStream | PersistentSubscriptionToAll;

export type Delivery = ResolvedEvent & { readonly retryCount: number };

/** What a consumer does with a message; without any answer the message stays in flight. */
export type Answer = (subscription: Subscription, delivery: Delivery) => Promise<void>;

export const acknowledge: Answer = (subscription, delivery) => subscription.ack(delivery);

export const leaveUnanswered: Answer = async () => {};

/** A member of a group, and what it has been told so far. */
export type Consumer = {
  readonly subscription: Subscription;
  readonly deliveries: Delivery[];
  /** Of the deliveries that have one, in the order they came. */
  readonly numbers: number[];
  confirmations: number;
  hasEnded: boolean;
  error: Error | undefined;
};

/** Notes what a persistent subscription says, answers its messages, and ends it with the test. */
export function consumerOf(subscription: Subscription, answer: Answer): Consumer {
  const consumer: Consumer = {
    subscription,
    deliveries: [],
    numbers: [],
    confirmations: 0,
    hasEnded: false,
    error: undefined,
  };
  const onConfirmation = () => {
    consumer.confirmations += 1;
  };
  const onError = (error: Error) => {
    consumer.error = error;
  };
  const onDelivery = (delivery: Delivery) => {
    consumer.deliveries.push(delivery);
    const n = numberIn(delivery.event);
    if (n !== undefined) consumer.numbers.push(n);
    answer(subscription, delivery).catch(onError);
  };
  const onEnd = () => {
    consumer.hasEnded = true;
  };
  subscription.on("confirmation", onConfirmation);
  subscription.on("data", onDelivery);
  subscription.on("error", onError);
  subscription.on("end", onEnd);
  onTestFinished(() => subscription.unsubscribe());
  return consumer;
}
