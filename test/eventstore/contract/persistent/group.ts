import {
  BACKWARDS,
  END,
  type EventStoreDBClient,
  type Filter,
  PersistentSubscriptionDoesNotExistError,
  type PersistentSubscriptionToAllInfo,
  type PersistentSubscriptionToAllSettings,
  type PersistentSubscriptionToStreamInfo,
  type PersistentSubscriptionToStreamSettings,
  persistentSubscriptionToAllSettingsFromDefaults,
  persistentSubscriptionToStreamSettingsFromDefaults,
  START,
  StreamNotFoundError,
} from "@eventstore/db-client";
import { expect, onTestFinished } from "vitest";
import { collected } from "../numbered.ts";
import { freshName, soon } from "../serverUnderTest.ts";
import { type Answer, type Consumer, consumerOf, leaveUnanswered } from "./consumer.ts";

type Membership = {
  readonly bufferSize?: number;
  /** The one that made the group when absent. */
  readonly client?: EventStoreDBClient;
};

/** A group of a test's own, removed when the test has finished. */
export type Group<Info> = {
  readonly name: string;
  /** The stream where the server puts links to what the group could not handle. */
  readonly parkedStream: string;
  /** The stream where the server notes how far the group has come. */
  readonly checkpointStream: string;
  /** Joins the group; messages stay unanswered when nothing else is said. */
  consume(answer?: Answer, membership?: Membership): Consumer;
  info(): Promise<Info>;
};

/** Begins at the start of the stream when nothing else is said. */
export async function groupOn(
  client: EventStoreDBClient,
  stream: string,
  settings: Partial<PersistentSubscriptionToStreamSettings> = {},
): Promise<Group<PersistentSubscriptionToStreamInfo>> {
  const name = freshName("group");
  await client.createPersistentSubscriptionToStream(
    stream,
    name,
    persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START, ...settings }),
  );
  onTestFinished(() => removed(client.deletePersistentSubscriptionToStream(stream, name)));
  return {
    ...streamsOf(stream, name),
    name,
    consume: (answer = leaveUnanswered, { client: member = client, ...options } = {}) =>
      consumerOf(member.subscribeToPersistentSubscriptionToStream(stream, name, options), answer),
    info: () => client.getPersistentSubscriptionToStreamInfo(stream, name),
  };
}

/** Begins at the start of the log when nothing else is said, so it wants a filter of the test's own. */
export async function groupOnAll(
  client: EventStoreDBClient,
  settings: Partial<PersistentSubscriptionToAllSettings> = {},
  filter?: Filter,
): Promise<Group<PersistentSubscriptionToAllInfo>> {
  const name = freshName("group");
  await client.createPersistentSubscriptionToAll(
    name,
    persistentSubscriptionToAllSettingsFromDefaults({ startFrom: START, ...settings }),
    filter === undefined ? {} : { filter },
  );
  onTestFinished(() => removed(client.deletePersistentSubscriptionToAll(name)));
  return {
    ...streamsOf("$all", name),
    name,
    consume: (answer = leaveUnanswered, { client: member = client, ...options } = {}) =>
      consumerOf(member.subscribeToPersistentSubscriptionToAll(name, options), answer),
    info: () => client.getPersistentSubscriptionToAllInfo(name),
  };
}

const streamsOf = (source: string, name: string) => ({
  parkedStream: `$persistentsubscription-${source}::${name}-parked`,
  checkpointStream: `$persistentsubscription-${source}::${name}-checkpoint`,
});

// Tests of deletion have done it themselves.
async function removed(deletion: Promise<void>): Promise<void> {
  await deletion.catch((error: unknown) => {
    if (!(error instanceof PersistentSubscriptionDoesNotExistError)) throw error;
  });
}

type Informed = Pick<Group<PersistentSubscriptionToStreamInfo | PersistentSubscriptionToAllInfo>, "info">;

/** Waits until the group has parked so many: that is a write of the server's own, which no consumer is told of. */
export async function parkedMessages(group: Informed, count: number): Promise<void> {
  await expect.poll(async () => (await group.info()).stats.parkedMessageCount, soon).toBe(BigInt(count));
}

/** Waits until so many are delivered and not answered: answers are on their way for a while. */
export async function inFlight(group: Informed, count: number): Promise<void> {
  await expect.poll(async () => (await group.info()).stats.totalInFlightMessages, soon).toBe(count);
}

/** Waits until so many have joined, and not left. */
export async function members(group: Informed, count: number): Promise<void> {
  await expect.poll(async () => (await group.info()).connections.length, soon).toBe(count);
}

/** The text of a group's newest checkpoint, once there is one. */
export async function checkpointOf(
  client: EventStoreDBClient,
  { checkpointStream }: { readonly checkpointStream: string },
): Promise<unknown> {
  try {
    const newest = client.readStream(checkpointStream, { direction: BACKWARDS, fromRevision: END, maxCount: 1 });
    return (await collected(newest))[0]?.event?.data;
  } catch (error) {
    if (error instanceof StreamNotFoundError) return undefined;
    throw error;
  }
}
