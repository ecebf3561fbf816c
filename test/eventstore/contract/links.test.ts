import { binaryEvent, type ResolvedEvent } from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { heardBy } from "./heard.ts";
import { collected, numberedUpTo, numbersOf } from "./numbered.ts";
import { freshName, serverUnderTest, soon } from "./serverUnderTest.ts";

const under = serverUnderTest();

const linkTo = (target: string) => binaryEvent({ type: "$>", data: Buffer.from(target) });

const streamLinkingTo = async (...targets: string[]): Promise<string> => {
  const links = freshName("links");
  await under.client.appendToStream(links, targets.map(linkTo));
  return links;
};

const target = async (count: number): Promise<string> => {
  const stream = freshName();
  await under.client.appendToStream(stream, numberedUpTo(count));
  return stream;
};

const read = (stream: string, resolveLinkTos: boolean): Promise<ResolvedEvent[]> =>
  collected(under.client.readStream(stream, { resolveLinkTos }));

describe("a link", () => {
  test("is resolved to its target when asked for, and the link comes along", async () => {
    const stream = await target(3);
    const links = await streamLinkingTo(`2@${stream}`);
    const [resolved] = await read(links, true);
    const [original] = await collected(under.client.readStream(stream, { fromRevision: 2n, maxCount: 1 }));
    expect(resolved?.event).toEqual(original?.event);
    expect(resolved?.link).toMatchObject({ streamId: links, revision: 0n, type: "$>" });
  });

  test("lends its position to what it resolves to", async () => {
    const [resolved] = await read(await streamLinkingTo(`0@${await target(1)}`), true);
    expect(resolved?.commitPosition).toBe(resolved?.link?.position?.commit);
  });

  test("is an event like any other when resolving was not asked for", async () => {
    const links = await streamLinkingTo(`0@${await target(1)}`);
    const [plain] = await read(links, false);
    expect(plain?.event).toMatchObject({ type: "$>", streamId: links });
    expect(plain?.link).toBeUndefined();
  });

  test.each([
    ["was never written", async () => "0@nobody-wrote-here"],
    ["lies past the end of its stream", async () => `9@${await target(3)}`],
    [
      "was truncated",
      async () => {
        const stream = await target(3);
        await under.client.setStreamMetadata(stream, { truncateBefore: 2 });
        return `1@${stream}`;
      },
    ],
    [
      "was deleted",
      async () => {
        const stream = await target(1);
        await under.client.deleteStream(stream);
        return `0@${stream}`;
      },
    ],
    [
      "was tombstoned",
      async () => {
        const stream = await target(1);
        await under.client.tombstoneStream(stream);
        return `0@${stream}`;
      },
    ],
  ])("to what %s comes without an event", async (_, gone) => {
    const [dangling, ...others] = await read(await streamLinkingTo(await gone()), true);
    expect(dangling?.event).toBeUndefined();
    expect(dangling?.link?.type).toBe("$>");
    expect(others).toEqual([]);
  });

  test.each([
    ["names no revision", "x@somewhere"],
    ["names a revision that no stream can have", "99999999999999999999@somewhere"],
    ["names no stream", "1"],
    ["says nothing", ""],
  ])("that %s is an event like any other", async (_, text) => {
    const [malformed] = await read(await streamLinkingTo(text), true);
    expect(malformed?.event?.type).toBe("$>");
    expect(malformed?.link).toBeUndefined();
  });

  test("to a link is followed by one step only", async () => {
    const first = await streamLinkingTo(`0@${await target(1)}`);
    const [resolved] = await read(await streamLinkingTo(`0@${first}`), true);
    expect(resolved?.event).toMatchObject({ streamId: first, type: "$>" });
  });

  test("to a stream with an @ in its name is resolved", async () => {
    const stream = freshName("who@where");
    await under.client.appendToStream(stream, numberedUpTo(1));
    const [resolved] = await read(await streamLinkingTo(`0@${stream}`), true);
    expect(resolved?.event?.streamId).toBe(stream);
  });

  test("counts as one event towards what a read asked for", async () => {
    const stream = await target(3);
    const links = await streamLinkingTo(`2@${stream}`, `1@${stream}`, `0@${stream}`);
    expect(await numbersOf(under.client.readStream(links, { resolveLinkTos: true, maxCount: 2 }))).toEqual([2, 1]);
  });

  test("is resolved for a reader of all streams", async () => {
    const stream = await target(1);
    const links = freshName("links");
    const { position } = await under.client.appendToStream(links, linkTo(`0@${stream}`));
    if (position === undefined) throw new Error("The append gave no position.");
    const [resolved] = await collected(
      under.client.readAll({ fromPosition: position, resolveLinkTos: true, maxCount: 1 }),
    );
    expect(resolved?.event?.streamId).toBe(stream);
    expect(resolved?.link?.streamId).toBe(links);
  });

  test("is resolved for a subscriber, in the past and as it comes", async () => {
    const stream = await target(3);
    const links = await streamLinkingTo(`2@${stream}`, `0@${stream}`);
    const heard = heardBy(under.client.subscribeToStream(links, { resolveLinkTos: true }));
    await expect.poll(() => heard.caughtUp, soon).toBe(1);
    await under.client.appendToStream(links, linkTo(`1@${stream}`));
    await expect.poll(() => heard.numbers, soon).toEqual([2, 0, 1]);
  });
});
