import type {
  EventStoreDBClient,
  PersistentSubscriptionToAll,
  PersistentSubscriptionToStream,
  ResolvedEvent,
} from "@eventstore/db-client";
import {
  type Answer,
  acknowledge,
  type Consumer,
  consumerOf,
} from "../../../eventstore/contract/persistent/consumer.ts";
import { numberIn } from "../storeUnderTest.ts";

export { acknowledge, leaveUnanswered } from "../../../eventstore/contract/persistent/consumer.ts";

export const park: Answer = (subscription, delivery) => subscription.nack("park", "broken", delivery);

export const numberOf = ({ event }: ResolvedEvent): number => numberIn(event) ?? -1;

type MortalConsumer = Pick<Consumer, "numbers" | "deliveries"> & {
  /** Resolves when its connection broke or the group let it go. */
  readonly ended: Promise<Error>;
  leave(): Promise<void>;
};

function consume(
  subscription: PersistentSubscriptionToStream | PersistentSubscriptionToAll,
  answer: Answer,
): MortalConsumer {
  const ended = new Promise<Error>((resolve) => {
    subscription.on("error", resolve);
  });
  const { numbers, deliveries } = consumerOf(subscription, answer);
  return { numbers, deliveries, ended, leave: () => subscription.unsubscribe() };
}

export const consumeStream = (
  client: EventStoreDBClient,
  stream: string,
  group: string,
  answer: Answer = acknowledge,
  bufferSize = 10,
): MortalConsumer => consume(client.subscribeToPersistentSubscriptionToStream(stream, group, { bufferSize }), answer);

export const consumeAll = (client: EventStoreDBClient, group: string, answer: Answer = acknowledge): MortalConsumer =>
  consume(client.subscribeToPersistentSubscriptionToAll(group), answer);
