import {
  type AllStreamSubscription,
  END,
  excludeSystemEvents,
  type Position,
  START,
  StreamDeletedError,
  type StreamSubscription,
  streamNameFilter,
} from "@eventstore/db-client";
import { describe, expect, onTestFinished, test } from "vitest";
import { freshStream, numbered, numberedUpTo, storeUnderTest } from "./storeUnderTest.ts";

const under = storeUnderTest();

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

const numberIn = ({ data }: { data: unknown }): number | undefined =>
  typeof data === "object" && data !== null && "n" in data && typeof data.n === "number" ? data.n : undefined;

type Heard = {
  numbers: number[];
  positions: bigint[];
  order: string[];
  confirmations: number;
  caughtUp: number;
  error: Error | undefined;
};

/** Notes what a subscription says, and ends it with the test. */
function heardBy(subscription: StreamSubscription | AllStreamSubscription): Heard {
  const heard: Heard = { numbers: [], positions: [], order: [], confirmations: 0, caughtUp: 0, error: undefined };
  const note = {
    confirmation: () => {
      heard.confirmations += 1;
      heard.order.push("confirmation");
    },
    caughtUp: () => {
      heard.caughtUp += 1;
      heard.order.push("caughtUp");
    },
    error: (error: Error) => {
      heard.error = error;
    },
    data: ({ event }: { event?: { data: unknown; position?: Position } }) => {
      heard.order.push("event");
      if (event?.position !== undefined) heard.positions.push(event.position.commit);
      const n = event && numberIn(event);
      if (n !== undefined) heard.numbers.push(n);
    },
  };
  subscription.on("confirmation", note.confirmation);
  subscription.on("caughtUp", note.caughtUp);
  subscription.on("error", note.error);
  subscription.on("data", note.data);
  onTestFinished(() => subscription.unsubscribe());
  return heard;
}

const soon = { timeout: 20_000, interval: 5 };

describe("a subscription to a stream", () => {
  test("from the start gives what is there, says once that it caught up, and then what comes", async () => {
    const stream = freshStream();
    await under.client.appendToStream(stream, numberedUpTo(600));
    const heard = heardBy(under.client.subscribeToStream(stream));
    await expect.poll(() => heard.caughtUp, soon).toBe(1);
    expect(heard.numbers).toEqual(upTo(600));
    await under.client.appendToStream(stream, numbered(600));
    await expect.poll(() => heard.numbers.length, soon).toBe(601);
    expect(heard.confirmations).toBe(1);
    expect(heard.caughtUp).toBe(1);
    expect(heard.order[0]).toBe("confirmation");
    expect(heard.order.indexOf("caughtUp")).toBe(601);
  });

  test("from a revision begins after it, even when it still lies ahead", async () => {
    const stream = freshStream();
    await under.client.appendToStream(stream, numberedUpTo(4));
    const after = heardBy(under.client.subscribeToStream(stream, { fromRevision: 1n }));
    const ahead = heardBy(under.client.subscribeToStream(stream, { fromRevision: 5n }));
    await expect.poll(() => [after.caughtUp, ahead.caughtUp], soon).toEqual([1, 1]);
    await under.client.appendToStream(
      stream,
      [4, 5, 6, 7].map((n) => numbered(n)),
    );
    await expect
      .poll(() => [after.numbers, ahead.numbers], soon)
      .toEqual([
        [2, 3, 4, 5, 6, 7],
        [6, 7],
      ]);
  });

  test("from the end gives only what comes", async () => {
    const stream = freshStream();
    await under.client.appendToStream(stream, numberedUpTo(3));
    const heard = heardBy(under.client.subscribeToStream(stream, { fromRevision: END }));
    await expect.poll(() => heard.caughtUp, soon).toBe(1);
    await under.client.appendToStream(stream, numbered(3));
    await expect.poll(() => heard.numbers, soon).toEqual([3]);
  });

  test("may be made before the stream is, and outlives its deletion", async () => {
    const stream = freshStream();
    const heard = heardBy(under.client.subscribeToStream(stream));
    await expect.poll(() => heard.caughtUp, soon).toBe(1);
    await under.client.appendToStream(stream, numberedUpTo(2));
    await under.client.deleteStream(stream);
    await under.client.appendToStream(stream, numbered(2));
    await expect.poll(() => heard.numbers, soon).toEqual([0, 1, 2]);
    expect(heard.error).toBeUndefined();
  });

  test("is not woken into missing anything by what happens in other streams", async () => {
    const stream = freshStream();
    const heard = heardBy(under.client.subscribeToStream(stream));
    await expect.poll(() => heard.caughtUp, soon).toBe(1);
    for (const round of upTo(6)) {
      await under.client.appendToStream(freshStream(), numberedUpTo(1_000));
      await under.client.appendToStream(stream, numbered(round));
    }
    await expect.poll(() => heard.numbers, soon).toEqual(upTo(6));
    expect(heard.caughtUp).toBe(1);
  });

  test("ends with an error when the stream is tombstoned, after the tombstone itself", async () => {
    const stream = freshStream();
    const heard = heardBy(under.client.subscribeToStream(stream));
    await expect.poll(() => heard.caughtUp, soon).toBe(1);
    await under.client.tombstoneStream(stream);
    await expect.poll(() => heard.error, soon).toBeInstanceOf(StreamDeletedError);
    expect(heard.order.at(-1)).toBe("event");
  });

  test("to a tombstoned stream fails without being confirmed", async () => {
    const stream = freshStream();
    await under.client.tombstoneStream(stream);
    const heard = heardBy(under.client.subscribeToStream(stream));
    await expect.poll(() => heard.error, soon).toBeInstanceOf(StreamDeletedError);
    expect(heard.confirmations).toBe(0);
  });
});

describe("a subscription to all streams", () => {
  test("resumed from any position neither repeats nor leaves out an event, while others write", async () => {
    const streams = upTo(4).map(() => freshStream("resumed"));
    let isWriting = true;
    const writing = Promise.all(
      streams.map(async (stream) => {
        for (let n = 0; isWriting || n < 50; n += 1) await under.client.appendToStream(stream, numbered(n));
      }),
    );
    const filter = streamNameFilter({ prefixes: ["resumed-"] });
    const seen: bigint[] = [];
    let from: Position | typeof START = START;
    for (const round of upTo(10)) {
      const subscription: AllStreamSubscription = under.client.subscribeToAll({ fromPosition: from, filter });
      for await (const { event } of subscription) {
        if (event === undefined) continue;
        seen.push(event.position.commit);
        from = event.position;
        if (seen.length >= (round + 1) * 20) break;
      }
      await subscription.unsubscribe();
    }
    isWriting = false;
    await writing;
    const stored: bigint[] = [];
    for await (const { event } of under.client.readAll()) {
      if (event?.streamId.startsWith("resumed-")) stored.push(event.position.commit);
    }
    expect(seen).toEqual(stored.slice(0, seen.length));
  });

  test("filters by prefix and by regex, of stream and of type", async () => {
    const stream = freshStream("filtered");
    const filters = [
      streamNameFilter({ prefixes: ["nothing", "filtered-"] }),
      streamNameFilter({ regex: "^filtered-\\d+$" }),
      streamNameFilter({ regex: "^(?!order|resumed|\\$)filt" }),
    ];
    const all = filters.map((filter) => heardBy(under.client.subscribeToAll({ fromPosition: END, filter })));
    const none = heardBy(
      under.client.subscribeToAll({ fromPosition: END, filter: streamNameFilter({ prefixes: ["nobody"] }) }),
    );
    await expect.poll(() => [...all, none].every(({ caughtUp }) => caughtUp === 1), soon).toBe(true);
    await under.client.appendToStream(freshStream(), numbered(9));
    await under.client.appendToStream(stream, numberedUpTo(3));
    for (const heard of all) await expect.poll(() => heard.numbers, soon).toEqual([0, 1, 2]);
    expect(none.numbers).toEqual([]);
  });

  test("with a regex that backtracks without end does not hold up anyone else", async () => {
    const stream = freshStream(`${"a".repeat(60)}!`);
    await under.client.appendToStream(stream, numbered(1));
    const hostile = ["^(a+)+$", "^(?!z)(a+)+$", "(a{0,50}){0,50}$", "^(a|aa)+$", "(.*)*(.*)*(.*)*x"].map((regex) =>
      heardBy(under.client.subscribeToAll({ fromPosition: START, filter: streamNameFilter({ regex }) })),
    );
    await expect
      .poll(() => hostile.every(({ caughtUp, error }) => caughtUp > 0 || error !== undefined), soon)
      .toBe(true);
    const { success } = await under.client.appendToStream(freshStream(), numbered(1));
    expect(success).toBe(true);
  });

  test("with a malformed regex is refused", async () => {
    const heard = heardBy(under.client.subscribeToAll({ filter: streamNameFilter({ regex: "(" }) }));
    await expect.poll(() => heard.error, soon).toBeDefined();
    expect(heard.confirmations).toBe(0);
  });

  test("tells its checkpoints, from which it can be resumed without loss, even when nothing matches", async () => {
    const stream = freshStream("checkpointed");
    const checkpoints: Position[] = [];
    const { position: start } = await under.client.appendToStream(freshStream(), numbered(0));
    const heard = heardBy(
      under.client.subscribeToAll({
        fromPosition: start ?? START,
        filter: streamNameFilter({
          prefixes: ["checkpointed-"],
          checkpointInterval: 2,
          checkpointReached: async (_, position) => {
            checkpoints.push(position);
          },
        }),
      }),
    );
    await expect.poll(() => heard.caughtUp, soon).toBe(1);
    for (const _ of upTo(10)) await under.client.appendToStream(freshStream(), numberedUpTo(20));
    await expect.poll(() => checkpoints.length, soon).toBeGreaterThanOrEqual(3);
    expect(checkpoints.length).toBeLessThanOrEqual(4);
    const commits = checkpoints.map(({ commit }) => commit);
    expect(commits).toEqual([...new Set(commits)].toSorted((a, b) => Number(a - b)));

    await under.client.appendToStream(stream, numbered(7));
    const resumed = heardBy(
      under.client.subscribeToAll({
        fromPosition: checkpoints.at(-1) ?? START,
        filter: streamNameFilter({ prefixes: ["checkpointed-"] }),
      }),
    );
    await expect.poll(() => resumed.numbers, soon).toEqual([7]);
  });

  test("that excludes system events sees none of them", async () => {
    const heard = heardBy(under.client.subscribeToAll({ fromPosition: START, filter: excludeSystemEvents() }));
    await expect.poll(() => heard.caughtUp, soon).toBe(1);
    const all = heardBy(under.client.subscribeToAll({ fromPosition: START }));
    await expect.poll(() => all.caughtUp, soon).toBe(1);
    expect(all.positions.length).toBeGreaterThan(heard.positions.length);
  });

  test("that reads slowly falls behind, and loses nothing", async () => {
    const stream = freshStream("slow");
    const subscription = under.client.subscribeToAll({
      fromPosition: END,
      filter: streamNameFilter({ prefixes: ["slow-"] }),
    });
    const numbers: number[] = [];
    await new Promise((resolve) => subscription.once("caughtUp", resolve));
    subscription.pause();
    const payload = "x".repeat(1_000);
    for (const n of upTo(100)) {
      await under.client.appendToStream(
        stream,
        upTo(100).map((m) => ({ ...numbered(n * 100 + m), metadata: { payload } })),
      );
    }
    for await (const { event } of subscription) {
      const n = event && numberIn(event);
      if (n !== undefined) numbers.push(n);
      if (numbers.length === 10_000) break;
    }
    expect(numbers).toEqual(upTo(10_000));
    await subscription.unsubscribe();
  });

  test("is one of many hundreds without harm to the others", async () => {
    const stream = freshStream("crowd");
    const filter = streamNameFilter({ prefixes: [stream] });
    const crowd = upTo(300).map(() => heardBy(under.client.subscribeToAll({ fromPosition: END, filter })));
    await expect.poll(() => crowd.every(({ caughtUp }) => caughtUp === 1), soon).toBe(true);
    await under.client.appendToStream(stream, numberedUpTo(5));
    await expect.poll(() => crowd.every(({ numbers }) => numbers.length === 5), soon).toBe(true);
  });
});
