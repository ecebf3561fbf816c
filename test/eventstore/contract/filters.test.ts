import {
  binaryEvent,
  END,
  type EventData,
  eventTypeFilter,
  excludeSystemEvents,
  type Filter,
  jsonEvent,
  type Position,
  streamNameFilter,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { heardBy } from "./heard.ts";
import { numbered, numberedUpTo } from "./numbered.ts";
import { freshName, serverUnderTest, soon } from "./serverUnderTest.ts";

const under = serverUnderTest();

async function append(stream: string, events: EventData | EventData[]): Promise<Position> {
  const { position } = await under.client.appendToStream(stream, events);
  if (position === undefined) throw new Error("The append gave no position.");
  return position;
}

const event = (type: string, n: number) => jsonEvent({ type, data: { n } });

/** What a filter lets through of events that were there and of as many that come. */
async function heardThrough(filter: Filter, write: () => Promise<unknown>, last: () => Promise<unknown>) {
  const here = await append(freshName("marker"), numbered(-1));
  await write();
  const heard = heardBy(under.client.subscribeToAll({ fromPosition: here, filter }));
  await expect.poll(() => heard.caughtUp, soon).toBe(1);
  await write();
  await last();
  return heard;
}

describe("a filter by stream", () => {
  test.each<[string, (own: string) => Filter]>([
    ["a prefix", (own) => streamNameFilter({ prefixes: [`wanted-${own}`] })],
    ["several prefixes", (own) => streamNameFilter({ prefixes: ["nobody", `wanted-${own}`, "nothing"] })],
    ["a regex", (own) => streamNameFilter({ regex: `^wanted-${own}-\\d+$` })],
    ["a regex that matches somewhere inside", (own) => streamNameFilter({ regex: `ed-${own}-[12]` })],
    ["a regex that looks ahead", (own) => streamNameFilter({ regex: `^(?!other|\\$).*${own}` })],
  ])("lets through what matches %s", async (_, filterOf) => {
    const own = freshName();
    const write = async () => {
      await append(`wanted-${own}-1`, numbered(1));
      await append(`other-${own}-1`, numbered(9));
      await append(`wanted-${own}-2`, numbered(2));
      await under.client.setStreamMetadata(`other-${own}-1`, { owner: "Ada" });
    };
    const heard = await heardThrough(filterOf(own), write, () => append(`wanted-${own}-1`, numbered(3)));
    await expect.poll(() => heard.numbers, soon).toEqual([1, 2, 1, 2, 3]);
    expect(heard.events).toHaveLength(5);
  });

  test("tells small letters from great ones", async () => {
    const own = freshName();
    const filter = streamNameFilter({ prefixes: [`Wanted-${own}`] });
    const write = () => append(`wanted-${own}`, numbered(1));
    const heard = await heardThrough(filter, write, () => append(`Wanted-${own}`, numbered(2)));
    await expect.poll(() => heard.numbers, soon).toEqual([2]);
  });
});

describe("a filter by type", () => {
  test.each<[string, (own: string) => Filter]>([
    ["a prefix", (own) => eventTypeFilter({ prefixes: [`Wanted${own}`] })],
    ["several prefixes", (own) => eventTypeFilter({ prefixes: ["Nothing", `Wanted${own}A`, `Wanted${own}B`] })],
    ["a regex", (own) => eventTypeFilter({ regex: `^Wanted${own}[AB]$` })],
  ])("lets through what matches %s, whichever streams it is in", async (_, filterOf) => {
    const own = freshName("");
    const write = async () => {
      await append(freshName(), [event(`Wanted${own}A`, 1), event(`Unwanted${own}A`, 9)]);
      await append(freshName(), event(`Wanted${own}B`, 2));
    };
    const heard = await heardThrough(filterOf(own), write, () => append(freshName(), event(`Wanted${own}A`, 3)));
    await expect.poll(() => heard.numbers, soon).toEqual([1, 2, 1, 2, 3]);
  });

  test("that excludes system events lets through all others", async () => {
    const stream = freshName();
    const write = async () => {
      await append(stream, numberedUpTo(2));
      await under.client.setStreamMetadata(stream, { owner: "Ada" });
    };
    const heard = await heardThrough(excludeSystemEvents(), write, () => append(stream, numbered(2)));
    const ours = () => heard.events.filter((one) => one.event?.streamId === stream).map((one) => one.event?.data);
    await expect.poll(ours, soon).toEqual([0, 1, 0, 1, 2].map((n) => ({ n })));
    expect(heard.events.filter((one) => one.event?.type.startsWith("$"))).toEqual([]);
  });
});

describe("a filter", () => {
  test("looks at a link and not at what it points to", async () => {
    const [stream, links] = [freshName(), freshName("links")];
    const here = await append(stream, numberedUpTo(2));
    const filter = streamNameFilter({ prefixes: [links] });
    const heard = heardBy(under.client.subscribeToAll({ fromPosition: here, filter, resolveLinkTos: true }));
    await append(links, binaryEvent({ type: "$>", data: Buffer.from(`1@${stream}`) }));
    await expect.poll(() => heard.numbers, soon).toEqual([1]);
    expect(heard.events[0]?.event?.streamId).toBe(stream);
    expect(heard.events[0]?.link?.streamId).toBe(links);
  });

  test("that lets nothing through leaves a subscription that is confirmed and catches up", async () => {
    const here = await append(freshName(), numberedUpTo(100));
    const filter = streamNameFilter({ prefixes: [freshName("nobody")] });
    const heard = heardBy(under.client.subscribeToAll({ fromPosition: here, filter }));
    await expect.poll(() => heard.order, soon).toEqual(["confirmation", "caughtUp"]);
  });

  test("holds from the end as well", async () => {
    const [wanted, unwanted] = [freshName("wanted"), freshName("unwanted")];
    await append(wanted, numbered(0));
    const filter = streamNameFilter({ prefixes: [wanted] });
    const heard = heardBy(under.client.subscribeToAll({ fromPosition: END, filter }));
    await expect.poll(() => heard.confirmations, soon).toBe(1);
    await append(unwanted, numbered(9));
    await append(wanted, numbered(1));
    await expect.poll(() => heard.numbers, soon).toEqual([1]);
  });

  test("with a malformed regex is refused", async () => {
    const heard = heardBy(under.client.subscribeToAll({ fromPosition: END, filter: streamNameFilter({ regex: "(" }) }));
    await expect.poll(() => heard.error, soon).toBeDefined();
    expect(heard.events).toEqual([]);
    await append(freshName(), numbered(1));
  });
});
