import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultLimits } from "../../src/commands/limits.ts";
import { verifyChain } from "../../src/eventstore/chain.ts";
import { EventStoreUnavailable } from "../../src/eventstore/store.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { type LossyProxy, startLossyProxy } from "./lossyProxy.ts";
import { purse, TakeCoins } from "./purse.ts";
import { coinsIn, contextOf, openPurse, type Process, startWriteSide, type WriteSide } from "./writeSide.ts";

let backends: WriteSide;
let proxy: LossyProxy;

beforeAll(async () => {
  backends = await startWriteSide();
  proxy = await startLossyProxy(backends.eventStore.url);
});
afterAll(async () => {
  await backends.stop();
  await proxy.stop();
});

const take = (process: Process, purseId: string, context = contextOf()) =>
  process.handler.handle(TakeCoins, { purseId, coins: 1 }, context);

/** Sends the same command until it is known what became of it, as a worker does. */
const takeSurely = async (process: Process, purseId: string) => {
  const context = contextOf();
  for (;;) {
    try {
      return await take(process, purseId, context);
    } catch (error) {
      if (!(error instanceof EventStoreUnavailable)) throw error;
    }
  }
};

const takingsOf = async (process: Process, purseId: string) => {
  const events = await Array.fromAsync(process.store.read(`purse-${purseId}`));
  expect(await verifyChain(purseId, events)).toMatchObject({ isIntact: true });
  return events.filter(({ type }) => type === "CoinsTaken");
};

/** Its handler began to follow before: it is where the events are as well. */
const caughtUp = async ({ store }: Process) => {
  const over = new AbortController();
  const after = await store.head();
  for await (const { kind } of store.follow({ after, categories: [purse.category], signal: over.signal }))
    if (kind === "caughtUp") over.abort();
};

describe("when the answer to an append is lost", () => {
  test("the command is found in its stream and answered as done, once", async () => {
    const process = backends.process({ url: proxy.url });
    await caughtUp(process);
    const purseId = await openPurse(process.handler, 1_000);
    const before = proxy.broken();
    for (let round = 0; round < 5; round += 1) {
      proxy.loseAnswers();
      expect(await take(process, purseId)).toMatchObject({ answer: { left: 999 - round }, replayed: false });
    }
    expect(proxy.broken()).toBeGreaterThan(before);
    expect(await takingsOf(process, purseId)).toHaveLength(5);
  });

  test("again and again under load, every accepted taking is there exactly once", async () => {
    const process = backends.process({ url: proxy.url });
    const healthy = backends.process();
    const purseId = await openPurse(healthy.handler, 10_000);
    let left = 600;
    const worker = async () => {
      while (left > 0) {
        left -= 1;
        if (left % 40 === 0) proxy.loseAnswers();
        const outcome = await takeSurely(left % 3 === 0 ? healthy : process, purseId);
        expect(isRejection(outcome)).toBe(false);
      }
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    expect(await takingsOf(healthy, purseId)).toHaveLength(600);
    expect(await coinsIn(process.handler, purseId)).toBe(9_400);
  });
});

describe("when the event store is killed under load", () => {
  test("commands fail or succeed, never both, and all goes on when it is back", async () => {
    const process = backends.process();
    const purses = await Promise.all(Array.from({ length: 8 }, () => openPurse(process.handler, 1_000)));
    const killed = backends.eventStore.pid;
    let done = 0;
    const worker = async (purseId: string) => {
      for (let count = 0; count < 60; count += 1) {
        await takeSurely(process, purseId);
        done += 1;
        if (done === 100) globalThis.process.kill(killed, "SIGKILL");
      }
    };
    await Promise.all(purses.flatMap((id) => [worker(id), worker(id)]));
    expect(backends.eventStore.pid).not.toBe(killed);
    for (const id of purses) {
      expect(await takingsOf(process, id)).toHaveLength(120);
      await expect.poll(() => coinsIn(process.handler, id)).toBe(880);
    }
  });
});

describe("when the event store cannot be reached", () => {
  test("commands and states fail as unavailable, and so does the readiness of the process", async () => {
    const blocked = await startLossyProxy(backends.eventStore.url);
    const process = backends.process({ url: blocked.url, limits: { lastKnownMaxMs: 0 } });
    const purseId = await openPurse(process.handler, 10);
    await blocked.stop();
    await expect(take(process, purseId)).rejects.toThrow(EventStoreUnavailable);
    await expect
      .poll(() => coinsIn(process.handler, purseId).catch((error: Error) => error.name))
      .toBe("EventStoreUnavailable");
    expect(await process.store.isReachable()).toBe(false);
  });

  test("states that were current when it went away count for a while, unknown and doubtful ones do not", async () => {
    const blocked = await startLossyProxy(backends.eventStore.url);
    const process = backends.process({ url: blocked.url, limits: { lastKnownMaxMs: 60_000 } });
    await caughtUp(process);
    const purseId = await openPurse(process.handler, 10);
    const doubtful = await openPurse(process.handler, 10);
    await caughtUp(process);
    await blocked.stop();
    await expect.poll(() => process.store.isReachable()).toBe(false);
    expect(await coinsIn(process.handler, purseId)).toBe(10);
    await expect(take(process, doubtful)).rejects.toThrow(EventStoreUnavailable);
    for (const id of [doubtful, randomUUID()])
      await expect(coinsIn(process.handler, id)).rejects.toThrow(EventStoreUnavailable);
  });

  test("a session revoked elsewhere was let in for half a minute more: last states count for 5 s", () => {
    expect(defaultLimits.lastKnownMaxMs).toBe(5_000);
  });

  test("a process follows the others again as soon as it is back", async () => {
    const process = backends.process();
    const { pid } = backends.eventStore;
    globalThis.process.kill(pid, "SIGKILL");
    await expect.poll(() => backends.eventStore.pid, { timeout: 20_000 }).not.toBe(pid);
    await expect.poll(() => process.store.isReachable(), { timeout: 20_000 }).toBe(true);
    const other = backends.process();
    const purseId = await openPurse(other.handler, 10);
    expect(await coinsIn(process.handler, purseId)).toBe(10);
    await take(other, purseId);
    await expect.poll(() => coinsIn(process.handler, purseId)).toBe(9);
  });
});

test("P24: two processes on one purse, both under load, lose nothing and never go below zero", async () => {
  const [one, two] = [backends.process(), backends.process()];
  const purseId = await openPurse(one.handler, 500);
  const outcomes = await Promise.all(
    Array.from({ length: 600 }, (_, index) => take(index % 2 === 0 ? one : two, purseId)),
  );
  const accepted = outcomes.filter((outcome) => !isRejection(outcome));
  expect(accepted).toHaveLength(500);
  expect(outcomes.filter(isRejection).every(({ code }) => code === "TOO_FEW_COINS")).toBe(true);
  expect(await takingsOf(one, purseId)).toHaveLength(500);
  expect(await coinsIn(two.handler, purseId)).toBe(0);
});

test("ES-01: a race that cannot be won in a bounded number of attempts is refused as contention", async () => {
  const hopeless = backends.process({ limits: { attemptsMax: 0 } });
  const other = backends.process();
  const purseId = await openPurse(other.handler, 10);
  expect(await take(hopeless, purseId)).toMatchObject({ rejected: "conflict", code: "CONTENTION" });
});
