import {
  END,
  PersistentSubscriptionExistsError,
  PersistentSubscriptionFailedError,
  type Position,
  persistentSubscriptionToAllSettingsFromDefaults,
  persistentSubscriptionToStreamSettingsFromDefaults,
  START,
  streamNameFilter,
} from "@eventstore/db-client";
import { describe, expect, onTestFinished, test } from "vitest";
import { numbered, numberedUpTo, upTo } from "../numbered.ts";
import { numberedStream } from "../numberedStream.ts";
import { freshName, serverUnderTest, soon } from "../serverUnderTest.ts";
import { acknowledge, consumerOf } from "./consumer.ts";
import { groupOn, groupOnAll } from "./group.ts";

const under = serverUnderTest();

const streamOf = (count: number): Promise<string> => numberedStream(under.client, count);

describe("a group on a stream", () => {
  test("from the start is given all that is there, and then what comes", async () => {
    const stream = await streamOf(3);
    const consumer = (await groupOn(under.client, stream, { startFrom: START })).consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2]);
    await under.client.appendToStream(stream, numbered(3));
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2, 3]);
  });

  test("from a revision begins with that very event", async () => {
    const stream = await streamOf(5);
    const consumer = (await groupOn(under.client, stream, { startFrom: 3n })).consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([3, 4]);
  });

  test("from a revision that lies ahead waits for it", async () => {
    const stream = await streamOf(2);
    const consumer = (await groupOn(under.client, stream, { startFrom: 3n })).consume(acknowledge);
    await under.client.appendToStream(stream, [numbered(2), numbered(3), numbered(4)]);
    await expect.poll(() => consumer.numbers, soon).toEqual([3, 4]);
  });

  test("from the end is given what came after it was made, whether or not anybody had joined", async () => {
    const stream = await streamOf(3);
    const group = await groupOn(under.client, stream, { startFrom: END });
    await under.client.appendToStream(stream, numbered(3));
    const consumer = group.consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([3]);
    await under.client.appendToStream(stream, numbered(4));
    await expect.poll(() => consumer.numbers, soon).toEqual([3, 4]);
  });

  test("may be made before the stream is", async () => {
    const stream = freshName();
    const consumer = (await groupOn(under.client, stream)).consume(acknowledge);
    await under.client.appendToStream(stream, numberedUpTo(2));
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1]);
  });

  test("has its name in its stream alone: two streams may each have a group of that name", async () => {
    const [one, other] = [await streamOf(1), await streamOf(2)];
    const { name } = await groupOn(under.client, one);
    const settings = persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START });
    await under.client.createPersistentSubscriptionToStream(other, name, settings);
    await under.client.deletePersistentSubscriptionToStream(other, name);
  });

  test("may have letters of any script in its names", async () => {
    const [stream, name] = [freshName("Bücher/本/📚"), freshName("(╯°□°)╯/读者")];
    await under.client.appendToStream(stream, numbered(0));
    const settings = persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START });
    await under.client.createPersistentSubscriptionToStream(stream, name, settings);
    onTestFinished(() => under.client.deletePersistentSubscriptionToStream(stream, name));
    const subscription = under.client.subscribeToPersistentSubscriptionToStream(stream, name);
    const consumer = consumerOf(subscription, acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([0]);
    const info = await under.client.getPersistentSubscriptionToStreamInfo(stream, name);
    expect(info).toMatchObject({ eventSource: stream, groupName: name });
  });

  test("passes over what is no longer to be read", async () => {
    const stream = await streamOf(5);
    await under.client.setStreamMetadata(stream, { truncateBefore: 3 });
    const consumer = (await groupOn(under.client, stream)).consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([3, 4]);
  });
});

describe("a group on all streams", () => {
  const streamsOf = async (count: number): Promise<{ stream: string; positions: Position[] }> => {
    const stream = freshName();
    const positions: Position[] = [];
    for (const event of numberedUpTo(count)) {
      const { position } = await under.client.appendToStream(stream, event);
      if (position !== undefined) positions.push(position);
    }
    return { stream, positions };
  };

  test("from the start is given what is there, and then what comes", async () => {
    const { stream } = await streamsOf(2);
    const filter = streamNameFilter({ prefixes: [stream] });
    const consumer = (await groupOnAll(under.client, { startFrom: START }, filter)).consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1]);
    await under.client.appendToStream(stream, numbered(2));
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 2]);
  });

  test("from a position begins with that very event", async () => {
    const { stream, positions } = await streamsOf(4);
    const filter = streamNameFilter({ prefixes: [stream] });
    const group = await groupOnAll(under.client, { startFrom: positions[2] ?? END }, filter);
    const consumer = group.consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([2, 3]);
  });

  test("from the end is given what came after it was made, whether or not anybody had joined", async () => {
    const { stream } = await streamsOf(2);
    const group = await groupOnAll(under.client, { startFrom: END }, streamNameFilter({ prefixes: [stream] }));
    await under.client.appendToStream(stream, numbered(2));
    const consumer = group.consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([2]);
  });

  test("needs no filter", async () => {
    const group = await groupOnAll(under.client, { startFrom: END });
    const consumer = group.consume(acknowledge);
    const streams = [await streamOf(1), await streamOf(1)];
    const seen = () => consumer.deliveries.map(({ event }) => event?.streamId);
    await expect.poll(seen, soon).toEqual(expect.arrayContaining(streams));
  });
});

describe("making a group", () => {
  test("that exists on the stream is refused, naming both", async () => {
    const stream = freshName();
    const { name } = await groupOn(under.client, stream);
    const settings = persistentSubscriptionToStreamSettingsFromDefaults();
    const refusal = under.client.createPersistentSubscriptionToStream(stream, name, settings);
    await expect(refusal).rejects.toBeInstanceOf(PersistentSubscriptionExistsError);
    await expect(refusal).rejects.toMatchObject({ streamName: stream, groupName: name });
  });

  test("that exists on all streams is refused, naming it", async () => {
    const { name } = await groupOnAll(under.client, { startFrom: END });
    const settings = persistentSubscriptionToAllSettingsFromDefaults();
    const refusal = under.client.createPersistentSubscriptionToAll(name, settings);
    await expect(refusal).rejects.toBeInstanceOf(PersistentSubscriptionExistsError);
    await expect(refusal).rejects.toMatchObject({ streamName: "$all", groupName: name });
  });

  test.each([
    ["on a stream without a name", "", {}],
    ["that reads as much at once as it may hold", freshName(), { readBatchSize: 20, historyBufferSize: 20 }],
  ])("%s is refused with a reason", async (_, stream, settings) => {
    const name = freshName("group");
    const refusal = under.client.createPersistentSubscriptionToStream(
      stream,
      name,
      persistentSubscriptionToStreamSettingsFromDefaults(settings),
    );
    await expect(refusal).rejects.toBeInstanceOf(PersistentSubscriptionFailedError);
    await expect(refusal).rejects.toMatchObject({ groupName: name, reason: expect.stringMatching(/./) });
  });

  test("on all streams as if they were one stream is refused", async () => {
    const settings = persistentSubscriptionToStreamSettingsFromDefaults();
    const refusal = under.client.createPersistentSubscriptionToStream("$all", freshName("group"), settings);
    await expect(refusal).rejects.toBeInstanceOf(Error);
  });

  test.each([
    ["past the end of the log", { commit: 2n ** 62n, prepare: 2n ** 62n }],
    ["whose prepare position is after its commit position", { commit: 0n, prepare: 1n }],
  ])("from a position %s is refused with a reason", async (_, startFrom) => {
    const name = freshName("group");
    const settings = persistentSubscriptionToAllSettingsFromDefaults({ startFrom });
    const refusal = under.client.createPersistentSubscriptionToAll(name, settings);
    await expect(refusal).rejects.toBeInstanceOf(PersistentSubscriptionFailedError);
    await expect(refusal).rejects.toMatchObject({ groupName: name, reason: expect.stringMatching(/./) });
  });

  test("that ten ask for at once succeeds for one of them", async () => {
    const [stream, name] = [freshName(), freshName("group")];
    const settings = persistentSubscriptionToStreamSettingsFromDefaults();
    const attempts = await Promise.allSettled(
      upTo(10).map(() => under.client.createPersistentSubscriptionToStream(stream, name, settings)),
    );
    await under.client.deletePersistentSubscriptionToStream(stream, name);
    const refusals = attempts.flatMap((attempt) => (attempt.status === "rejected" ? [attempt.reason] : []));
    expect(refusals).toHaveLength(9);
    for (const refusal of refusals) expect(refusal).toBeInstanceOf(PersistentSubscriptionExistsError);
  });

  test("that was refused leaves no group behind", async () => {
    const stream = freshName();
    const name = freshName("group");
    const settings = persistentSubscriptionToStreamSettingsFromDefaults({ readBatchSize: 20, historyBufferSize: 20 });
    await expect(under.client.createPersistentSubscriptionToStream(stream, name, settings)).rejects.toThrow();
    await expect(under.client.getPersistentSubscriptionToStreamInfo(stream, name)).rejects.toMatchObject({
      type: "persistent-subscription-does-not-exist",
    });
  });
});
