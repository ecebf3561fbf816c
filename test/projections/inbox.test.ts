import { expect, test, vi } from "vitest";
import type { Followed, StoredEvent } from "../../src/eventstore/store.ts";
import { type Decode, unread } from "../../src/projections/decoding.ts";
import { inbox } from "../../src/projections/inbox.ts";
import { facts, recorded } from "../spec.ts";

const arriving = (count: number): Followed[] =>
  Array.from({ length: count }, (_, index) => {
    const event: StoredEvent = { ...recorded({ type: "JarOpened", data: {} }, index, facts), stream: "jar-1" };
    return { kind: "event", event };
  });
const comingIn = async function* (followed: readonly Followed[]): AsyncGenerator<Followed> {
  yield* followed;
};
const undecoded: Decode = async (events) => events.map(unread);
const later = () => performance.now() + 60_000;

test("events that come in while a batch waits for its time cost no timer each", async () => {
  const timers = vi.spyOn(globalThis, "setTimeout");
  const box = inbox(comingIn(arriving(100)), undecoded);
  const batch = await box.take(100, later());
  expect([batch?.events.length, timers.mock.calls.length]).toEqual([100, 1]);
  timers.mockRestore();
});

test("a batch that is not full is taken when its time has come, and what is left at the source's end", async () => {
  const end = Promise.withResolvers<void>();
  const source = async function* () {
    yield* comingIn(arriving(3));
    await end.promise;
    yield* comingIn(arriving(2));
  };
  const box = inbox(source(), undecoded);
  expect((await box.take(100, performance.now() + 5))?.events.length).toBe(3);
  end.resolve();
  expect((await box.take(100, later()))?.events.length).toBe(2);
  expect(await box.take(100, later())).toBeUndefined();
});

test("a batch for which somebody waits goes at its time for that, whenever they begin to", async () => {
  const end = Promise.withResolvers<void>();
  const source = async function* () {
    yield* comingIn(arriving(3));
    await end.promise;
    yield* comingIn(arriving(1));
  };
  const box = inbox(source(), undecoded);
  const first = box.take(100, later(), performance.now() + 5);
  await vi.waitUntil(() => box.waiting().events === 3);
  box.hurry();
  expect((await first)?.events.length).toBe(3);
  box.hurry();
  const second = box.take(100, later(), performance.now());
  end.resolve();
  expect((await second)?.events.length).toBe(1);
});

test("a position that was passed without an event is a batch of its own; one that has been told is none", async () => {
  const box = inbox(comingIn([{ kind: "passed", position: 7n }]), undecoded);
  expect(await box.take(100)).toEqual({ events: [], position: 7n });
  expect(await box.take(100)).toBeUndefined();
});

test("a batch whose time comes between two looks at the clock does not wait for the next event", async () => {
  const end = Promise.withResolvers<void>();
  const source = async function* () {
    yield* comingIn(arriving(3));
    await end.promise;
  };
  const box = inbox(source(), undecoded);
  await vi.waitUntil(() => box.waiting().events === 3);
  const clock = vi.spyOn(performance, "now").mockReturnValueOnce(99.9).mockReturnValue(100.1);
  const batch = await Promise.race([box.take(100, 100), new Promise((resolve) => setTimeout(resolve, 1_000))]);
  clock.mockRestore();
  end.resolve();
  expect(batch).toMatchObject({ events: { length: 3 } });
});

test("events are taken in their order whatever came in together, each once", async () => {
  let decoded = 0;
  const box = inbox(comingIn(arriving(1_000)), (events) => {
    decoded += events.length;
    return undecoded(events);
  });
  const revisions: bigint[] = [];
  for (let batch = await box.take(70); batch; batch = await box.take(70)) {
    expect(batch.events.length).toBeLessThanOrEqual(70);
    expect(batch.position).toBe(batch.events.at(-1)?.event.position);
    revisions.push(...batch.events.map(({ event }) => event.revision));
  }
  expect(revisions).toEqual(Array.from({ length: 1_000 }, (_, revision) => BigInt(revision)));
  expect(decoded).toBe(1_000);
});

test("what cannot be decoded for now fails the batch it is in, and nothing before somebody takes it", async () => {
  const box = inbox(comingIn(arriving(100)), async () => {
    throw new Error("no key for now");
  });
  await vi.waitUntil(() => box.waiting().events === 100);
  await new Promise((resolve) => setImmediate(resolve));
  await expect(box.take(30)).rejects.toThrow("no key for now");
  await expect(box.take(30)).rejects.toThrow("no key for now");
});
