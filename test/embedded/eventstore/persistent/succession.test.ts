import {
  type EventStoreDBClient,
  PersistentSubscriptionDoesNotExistError,
  START,
  persistentSubscriptionToStreamSettingsFromDefaults as streamSettings,
} from "@eventstore/db-client";
import { expect, test } from "vitest";
import { freshStream, numberedUpTo, storeUnderTest } from "../storeUnderTest.ts";
import { acknowledge, consumeStream, park } from "./consumer.ts";

const under = storeUnderTest();
const soon = { timeout: 20_000, interval: 20 };
const settings = streamSettings({ startFrom: START, checkPointLowerBound: 1, checkPointUpperBound: 1 });
const group = "g";

const statsOf = async (client: EventStoreDBClient, stream: string) =>
  (await client.getPersistentSubscriptionToStreamInfo(stream, group)).stats;

/** A group of a stream of four events that were all answered like this, as its checkpoint says. */
async function groupAfter(answer: typeof park): Promise<string> {
  const { client } = under;
  const stream = freshStream();
  await client.appendToStream(stream, numberedUpTo(4));
  await client.createPersistentSubscriptionToStream(stream, group, settings);
  const consumer = consumeStream(client, stream, group, answer);
  await expect.poll(async () => (await statsOf(client, stream)).lastCheckpointedEventRevision, soon).toBe(3n);
  await consumer.leave();
  return stream;
}

async function expectAllOf(stream: string): Promise<void> {
  const consumer = consumeStream(under.client, stream, group);
  await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2, 3]);
}

test("what is replayed while all groups begin again is delivered by the one that follows", async () => {
  const { client } = under;
  const stream = await groupAfter(park);
  await Promise.all([
    client.replayParkedMessagesToStream(stream, group),
    client.restartPersistentSubscriptionSubsystem(),
    statsOf(client, stream),
  ]);
  await expectAllOf(stream);
});

test("a group that is made anew while the former one is being deleted begins at its own beginning", async () => {
  const { client } = under;
  const stream = await groupAfter(acknowledge);
  await Promise.all([
    client.deletePersistentSubscriptionToStream(stream, group),
    client.createPersistentSubscriptionToStream(stream, group, settings),
    statsOf(client, stream),
  ]);
  await expectAllOf(stream);
});

test("the checkpoint of a deleted group is none of the next one's, even if its stream was made again", async () => {
  const { client } = under;
  const stream = await groupAfter(acknowledge);
  await client.deletePersistentSubscriptionToStream(stream, group);
  await client.setStreamMetadata(`$persistentsubscription-${stream}::${group}-checkpoint`, { maxCount: 2 });
  await client.createPersistentSubscriptionToStream(stream, group, settings);
  await expectAllOf(stream);
});

test("who joins a group that is being deleted is told that there is none", async () => {
  const { client } = under;
  const stream = await groupAfter(acknowledge);
  const deleted = client.deletePersistentSubscriptionToStream(stream, group);
  const consumer = consumeStream(client, stream, group);
  expect(await consumer.ended).toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
  await deleted;
});
