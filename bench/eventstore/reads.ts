import { once } from "node:events";
import { END, type EventStoreDBClient, jsonEvent, START } from "@eventstore/db-client";
import { debit } from "./appends.ts";

type Read = { readonly eventsPerSecond: number; readonly events: number };

const timed = async (count: () => Promise<number>): Promise<Read> => {
  const begun = performance.now();
  const events = await count();
  return { events, eventsPerSecond: (events / (performance.now() - begun)) * 1_000 };
};

/** A whole stream, forwards. */
export const readStream = (client: EventStoreDBClient, stream: string): Promise<Read> =>
  timed(async () => {
    let events = 0;
    for await (const _ of client.readStream(stream)) events += 1;
    return events;
  });

/** A subscription to all streams from the start until it has caught up. */
export const catchUp = (client: EventStoreDBClient): Promise<Read> =>
  timed(async () => {
    let events = 0;
    const subscription = client.subscribeToAll({ fromPosition: START });
    subscription.on("data", () => {
      events += 1;
    });
    await once(subscription, "caughtUp");
    await subscription.unsubscribe();
    return events;
  });

/** Of `count` appends, one after the other: from the call to the arrival at a live subscriber, in ms, sorted. */
export const liveLatencies = async (client: EventStoreDBClient, stream: string, count: number): Promise<number[]> => {
  const subscription = client.subscribeToStream(stream, { fromRevision: END });
  await once(subscription, "caughtUp");
  const latencies: number[] = [];
  for (let number = 0; number < count; number += 1) {
    const arrival = once(subscription, "data");
    const sentAt = performance.now();
    const acknowledged = client.appendToStream(stream, jsonEvent(debit(number)));
    await arrival;
    latencies.push(performance.now() - sentAt);
    await acknowledged;
  }
  await subscription.unsubscribe();
  return latencies.sort((a, b) => a - b);
};
