import { PersistentSubscriptionDoesNotExistError, START, streamNameFilter } from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { freshName, isOwnServer, serverUnderTest, soon } from "../serverUnderTest.ts";
import { groupOn, groupOnAll, members } from "./group.ts";

const under = serverUnderTest();

const fresh = () => streamNameFilter({ prefixes: [freshName()] });

// Elsewhere others may have groups.
describe.runIf(isOwnServer)("listing groups where there are none", () => {
  test("altogether gives none", async () => {
    expect(await under.client.listAllPersistentSubscriptions()).toEqual([]);
  });

  test("of all streams is refused", async () => {
    const refusal = under.client.listPersistentSubscriptionsToAll();
    await expect(refusal).rejects.toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
    await expect(refusal).rejects.toMatchObject({ streamName: "$all", groupName: "" });
  });
});

describe("listing groups", () => {
  test("of a stream gives each with its settings, and none of another stream", async () => {
    const stream = freshName();
    const groups = [
      await groupOn(under.client, stream, { startFrom: START, maxRetryCount: 1 }),
      await groupOn(under.client, stream, { startFrom: 5n, maxRetryCount: 2 }),
    ];
    await groupOn(under.client, freshName());
    const listed = await under.client.listPersistentSubscriptionsToStream(stream);
    const infos = await Promise.all(groups.map((group) => group.info()));
    const settingsByName = (some: typeof infos) =>
      Object.fromEntries(some.map(({ groupName, settings }) => [groupName, settings]));
    expect(settingsByName(listed)).toEqual(settingsByName(infos));
    expect(listed.map(({ eventSource }) => eventSource)).toEqual([stream, stream]);
  });

  test("of all streams gives those on all streams alone", async () => {
    const group = await groupOnAll(under.client, { maxRetryCount: 3 }, fresh());
    await groupOn(under.client, freshName());
    const listed = await under.client.listPersistentSubscriptionsToAll();
    expect(new Set(listed.map(({ eventSource }) => eventSource))).toEqual(new Set(["$all"]));
    const { settings } = await group.info();
    expect(listed.find(({ groupName }) => groupName === group.name)?.settings).toEqual(settings);
  });

  test("altogether gives those of every stream and of all streams", async () => {
    const stream = freshName();
    const onStream = await groupOn(under.client, stream, { startFrom: 3n });
    const onAll = await groupOnAll(under.client, {}, fresh());
    const listed = await under.client.listAllPersistentSubscriptions();
    const found = (name: string) => listed.find(({ groupName }) => groupName === name);
    expect(found(onStream.name)).toMatchObject({ eventSource: stream, settings: { startFrom: 3n } });
    expect(found(onAll.name)).toMatchObject({ eventSource: "$all", settings: { startFrom: START } });
  });

  test("gives the consumers of each", async () => {
    const stream = freshName();
    const group = await groupOn(under.client, stream);
    const client = under.connect({ connectionName: "listed" });
    group.consume(undefined, { client });
    await members(group, 1);
    const [listed] = await under.client.listPersistentSubscriptionsToStream(stream);
    expect(listed?.connections.map(({ connectionName }) => connectionName)).toEqual(["listed"]);
  });

  test("no longer gives one that was deleted", async () => {
    const stream = freshName();
    const [kept, deleted] = [await groupOn(under.client, stream), await groupOn(under.client, stream)];
    await under.client.deletePersistentSubscriptionToStream(stream, deleted.name);
    const names = async () =>
      (await under.client.listPersistentSubscriptionsToStream(stream)).map(({ groupName }) => groupName);
    await expect.poll(names, soon).toEqual([kept.name]);
  });

  test("of a stream that never had one is refused, naming the stream", async () => {
    const streamName = freshName();
    const refusal = under.client.listPersistentSubscriptionsToStream(streamName);
    await expect(refusal).rejects.toBeInstanceOf(PersistentSubscriptionDoesNotExistError);
    await expect(refusal).rejects.toMatchObject({ streamName, groupName: "" });
  });
});
