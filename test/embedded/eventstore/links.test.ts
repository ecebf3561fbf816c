import { binaryEvent, type ResolvedEvent } from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { freshStream, numberedUpTo, storeUnderTest } from "./storeUnderTest.ts";

const under = storeUnderTest();

const linkTo = (target: string) => binaryEvent({ type: "$>", data: Buffer.from(target) });

const streamLinkingTo = async (...targets: string[]): Promise<string> => {
  const links = freshStream("links");
  await under.client.appendToStream(links, targets.map(linkTo));
  return links;
};

const target = async (count: number): Promise<string> => {
  const stream = freshStream();
  await under.client.appendToStream(stream, numberedUpTo(count));
  return stream;
};

const read = async (stream: string, resolveLinkTos: boolean): Promise<ResolvedEvent[]> => {
  const events: ResolvedEvent[] = [];
  for await (const event of under.client.readStream(stream, { resolveLinkTos })) events.push(event);
  return events;
};

describe("a link", () => {
  test("is resolved to its target when asked for, and the link comes along", async () => {
    const stream = await target(3);
    const links = await streamLinkingTo(`2@${stream}`);
    const [resolved] = await read(links, true);
    expect(resolved?.event).toMatchObject({ streamId: stream, revision: 2n, data: { n: 2 } });
    expect(resolved?.link).toMatchObject({ streamId: links, revision: 0n, type: "$>" });
    expect(resolved?.commitPosition).toBe(resolved?.link?.position?.commit);
  });

  test("is an event like any other when resolving was not asked for", async () => {
    const links = await streamLinkingTo(`0@${await target(1)}`);
    const [plain] = await read(links, false);
    expect(plain?.event).toMatchObject({ type: "$>", streamId: links });
    expect(plain?.link).toBeUndefined();
  });

  test("to what does not exist, was truncated or deleted comes without an event", async () => {
    const [truncated, deleted, tombstoned] = [await target(3), await target(1), await target(1)];
    await under.client.setStreamMetadata(truncated, { truncateBefore: 2 });
    await under.client.deleteStream(deleted);
    await under.client.tombstoneStream(tombstoned);
    const gone = ["0@never-written", `9@${truncated}`, `1@${truncated}`, `0@${deleted}`, `0@${tombstoned}`];
    const events = await read(await streamLinkingTo(...gone), true);
    expect(events).toHaveLength(gone.length);
    for (const { event, link } of events) {
      expect(event).toBeUndefined();
      expect(link?.type).toBe("$>");
    }
  });

  test("that names no revision is an event like any other", async () => {
    const [malformed] = await read(await streamLinkingTo("x@somewhere"), true);
    expect(malformed?.event?.type).toBe("$>");
    expect(malformed?.link).toBeUndefined();
  });

  test("to a link is followed by one step only", async () => {
    const first = await streamLinkingTo(`0@${await target(1)}`);
    const [resolved] = await read(await streamLinkingTo(`0@${first}`), true);
    expect(resolved?.event).toMatchObject({ streamId: first, type: "$>" });
  });

  test("to a stream with an @ in its name is resolved", async () => {
    const stream = `who@where-${freshStream()}`;
    await under.client.appendToStream(stream, numberedUpTo(1));
    const [resolved] = await read(await streamLinkingTo(`0@${stream}`), true);
    expect(resolved?.event?.streamId).toBe(stream);
  });
});
