import { binaryEvent, PARK, streamNameFilter } from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { collected, numberedUpTo } from "../numbered.ts";
import { numberedStream } from "../numberedStream.ts";
import { freshName, serverUnderTest, soon } from "../serverUnderTest.ts";
import { acknowledge } from "./consumer.ts";
import { groupOn, groupOnAll, inFlight, members, parkedMessages } from "./group.ts";

const under = serverUnderTest();

const linkTo = (target: string) => binaryEvent({ type: "$>", data: Buffer.from(target) });

const streamOf = (count: number): Promise<string> => numberedStream(under.client, count);

const linksTo = async (...targets: string[]): Promise<string> => {
  const links = freshName("links");
  await under.client.appendToStream(links, targets.map(linkTo));
  return links;
};

describe("a group that resolves links", () => {
  test("is given the target, and the link with it", async () => {
    const target = await streamOf(3);
    const links = await linksTo(`2@${target}`);
    const consumer = (await groupOn(under.client, links, { resolveLinkTos: true })).consume();
    await expect.poll(() => consumer.numbers, soon).toEqual([2]);
    expect(consumer.deliveries[0]?.event).toMatchObject({ streamId: target, revision: 2n });
    expect(consumer.deliveries[0]?.link).toMatchObject({ streamId: links, revision: 0n, type: "$>" });
  });

  test("resolves links as they come, too", async () => {
    const target = await streamOf(2);
    const links = freshName("links");
    const group = await groupOn(under.client, links, { resolveLinkTos: true });
    const consumer = group.consume(acknowledge);
    await members(group, 1);
    await under.client.appendToStream(links, [linkTo(`1@${target}`), linkTo(`0@${target}`)]);
    await expect.poll(() => consumer.numbers, soon).toEqual([1, 0]);
  });

  test("knows an acknowledgement by the link: nothing comes again", async () => {
    const target = await streamOf(1);
    const links = await linksTo(`0@${target}`, `0@${target}`);
    const group = await groupOn(under.client, links, { resolveLinkTos: true });
    const first = group.consume(acknowledge);
    await expect.poll(() => first.numbers, soon).toEqual([0, 0]);
    await inFlight(group, 0);
    await first.subscription.unsubscribe();
    await members(group, 0);
    const second = group.consume(acknowledge);
    await under.client.appendToStream(links, linkTo(`0@${target}`));
    await expect.poll(() => second.deliveries.map(({ link }) => link?.revision), soon).toEqual([2n]);
  });

  test("is given a link alone when its target is gone", async () => {
    const target = await streamOf(1);
    await under.client.deleteStream(target);
    const links = await linksTo(`0@${target}`);
    const group = await groupOn(under.client, links, { resolveLinkTos: true });
    const consumer = group.consume(acknowledge);
    await expect.poll(() => consumer.deliveries.length, soon).toBe(1);
    expect(consumer.deliveries[0]?.event).toBeUndefined();
    expect(consumer.deliveries[0]?.link).toMatchObject({ streamId: links, type: "$>" });
    await inFlight(group, 0);
  });

  test("parks a link to the target, not to the link", async () => {
    const target = await streamOf(1);
    const group = await groupOn(under.client, await linksTo(`0@${target}`), { resolveLinkTos: true });
    group.consume((subscription, delivery) => subscription.nack(PARK, "Not now", delivery));
    await parkedMessages(group, 1);
    const [parked] = await collected(under.client.readStream(group.parkedStream, { resolveLinkTos: true }));
    expect(parked?.event).toMatchObject({ streamId: target, revision: 0n });
  });
});

describe("a group that does not resolve links", () => {
  test("is given the link as the event it is", async () => {
    const links = await linksTo(`0@${await streamOf(1)}`);
    const consumer = (await groupOn(under.client, links)).consume(acknowledge);
    await expect.poll(() => consumer.deliveries.length, soon).toBe(1);
    expect(consumer.deliveries[0]?.event).toMatchObject({ streamId: links, type: "$>" });
    expect(consumer.deliveries[0]?.link).toBeUndefined();
  });
});

describe("a group on all streams that resolves links", () => {
  test("is given the target of a link in the past and as it comes", async () => {
    const mark = freshName();
    const links = `${mark}-links`;
    await under.client.appendToStream(`${mark}-target`, numberedUpTo(2));
    await under.client.appendToStream(links, linkTo(`0@${mark}-target`));
    const group = await groupOnAll(under.client, { resolveLinkTos: true }, streamNameFilter({ prefixes: [mark] }));
    const consumer = group.consume(acknowledge);
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 0]);
    await under.client.appendToStream(links, linkTo(`1@${mark}-target`));
    await expect.poll(() => consumer.numbers, soon).toEqual([0, 1, 0, 1]);
    expect(consumer.deliveries.map(({ link }) => link?.streamId)).toEqual([undefined, undefined, links, links]);
  });
});
