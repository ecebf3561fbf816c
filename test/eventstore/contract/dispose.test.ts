import {
  type AllStreamSubscription,
  NO_STREAM,
  type StreamSubscription,
  streamNameFilter,
} from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { heardBy } from "./heard.ts";
import { numbered, numberedUpTo, numbersOf, upTo } from "./numbered.ts";
import { freshName, serverUnderTest, soon } from "./serverUnderTest.ts";

const under = serverUnderTest();

const streamOf = async (count: number): Promise<string> => {
  const stream = freshName();
  await under.client.appendToStream(stream, numberedUpTo(count), { expectedRevision: NO_STREAM });
  return stream;
};

type Client = ReturnType<typeof under.connect>;
type Ending = { on(event: "end" | "error", listener: () => void): unknown };

/** How often something ended in order, and how often not. */
function endsOf(stream: Ending) {
  const ends = { inOrder: 0, failed: 0 };
  stream.on("end", () => {
    ends.inOrder += 1;
  });
  stream.on("error", () => {
    ends.failed += 1;
  });
  return ends;
}

describe("a client that is disposed of", () => {
  test.each<[string, (client: Client, stream: string) => StreamSubscription | AllStreamSubscription]>([
    ["a subscription to a stream", (client, stream) => client.subscribeToStream(stream)],
    ["a subscription to a stream that is not there", (client) => client.subscribeToStream(freshName())],
    ["a subscription to all streams", (client) => client.subscribeToAll()],
    [
      "a filtered subscription to all streams",
      (client, stream) => client.subscribeToAll({ filter: streamNameFilter({ prefixes: [stream] }) }),
    ],
  ])("ends %s in order", async (_, subscribe) => {
    const client = under.connect();
    const subscription = subscribe(client, await streamOf(3));
    const heard = heardBy(subscription);
    const ends = endsOf(subscription);
    await expect.poll(() => heard.confirmations, soon).toBe(1);
    await client.dispose();
    await expect.poll(() => ends, soon).toEqual({ inOrder: 1, failed: 0 });
  });

  test("ends a read in order, wherever it was", async () => {
    const client = under.connect();
    const read = client.readStream(await streamOf(2_000));
    const ends = endsOf(read);
    await new Promise((resolve) => read.once("data", resolve));
    await client.dispose();
    await expect.poll(() => ends, soon).toEqual({ inOrder: 1, failed: 0 });
  });

  test("connects again when it is used again", async () => {
    const client = under.connect();
    const stream = freshName();
    for (const n of upTo(3)) {
      expect(await client.appendToStream(stream, numbered(n))).toMatchObject({ nextExpectedRevision: BigInt(n) });
      await client.dispose();
    }
    expect(await numbersOf(client.readStream(stream))).toEqual([0, 1, 2]);
  });

  test("leaves other clients as they are", async () => {
    const stream = await streamOf(1);
    const [leaving, staying] = [under.connect(), under.connect()];
    const heard = heardBy(staying.subscribeToStream(stream));
    const gone = heardBy(leaving.subscribeToStream(stream));
    await expect.poll(() => [heard.numbers, gone.numbers], soon).toEqual([[0], [0]]);
    await leaving.dispose();
    await under.client.appendToStream(stream, numbered(1));
    await expect.poll(() => heard.numbers, soon).toEqual([0, 1]);
    expect(heard.error).toBeUndefined();
  });
});
