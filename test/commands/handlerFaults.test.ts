import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DebitCredits } from "../../src/commands/credits.ts";
import { defaultLimits } from "../../src/commands/limits.ts";
import { creditLedger } from "../../src/domain/credits/creditLedger.ts";
import { verifyChain } from "../../src/eventstore/chain.ts";
import { EventStoreUnavailable } from "../../src/eventstore/store.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { type LossyProxy, startLossyProxy } from "./lossyProxy.ts";
import { contextOf, openLedger, type Process, startWriteSide, type WriteSide } from "./writeSide.ts";

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

const debit = (process: Process, workspaceId: string, context = contextOf()) =>
  process.handler.handle(DebitCredits, { workspaceId, amount: 1, description: "row" }, context);

/** Sends the same command until it is known what became of it, as a worker does. */
const debitSurely = async (process: Process, workspaceId: string) => {
  const context = contextOf();
  for (;;) {
    try {
      return await debit(process, workspaceId, context);
    } catch (error) {
      if (!(error instanceof EventStoreUnavailable)) throw error;
    }
  }
};

const debitsOf = async (process: Process, workspaceId: string) => {
  const events = await Array.fromAsync(process.store.read(`credit_ledger-${workspaceId}`));
  expect(await verifyChain(workspaceId, events)).toMatchObject({ isIntact: true });
  return events.filter(({ type }) => type === "CreditsDebited");
};

const balanceOf = async (process: Process, workspaceId: string) => {
  const { state } = await process.handler.stateOf(creditLedger, workspaceId);
  return state.status === "open" ? state.balance : undefined;
};

/** Its handler began to follow before: it is where the events are as well. */
const caughtUp = async ({ store }: Process) => {
  const over = new AbortController();
  const after = await store.head();
  for await (const { kind } of store.follow({ after, categories: [creditLedger.category], signal: over.signal }))
    if (kind === "caughtUp") over.abort();
};

describe("when the answer to an append is lost", () => {
  test("the command is found in its stream and answered as done, once", async () => {
    const process = backends.process({ url: proxy.url });
    const workspaceId = await openLedger(process.handler, 1_000);
    const before = proxy.broken();
    for (let round = 0; round < 5; round += 1) {
      proxy.loseAnswers();
      expect(await debit(process, workspaceId)).toMatchObject({ answer: { balance: 999 - round }, replayed: false });
    }
    expect(proxy.broken()).toBeGreaterThan(before);
    expect(await debitsOf(process, workspaceId)).toHaveLength(5);
  });

  test("again and again under load, every accepted debit is there exactly once", async () => {
    const process = backends.process({ url: proxy.url });
    const healthy = backends.process();
    const workspaceId = await openLedger(healthy.handler, 10_000);
    let left = 600;
    const worker = async () => {
      while (left > 0) {
        left -= 1;
        if (left % 40 === 0) proxy.loseAnswers();
        const outcome = await debitSurely(left % 3 === 0 ? healthy : process, workspaceId);
        expect(isRejection(outcome)).toBe(false);
      }
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    expect(await debitsOf(healthy, workspaceId)).toHaveLength(600);
    expect(await balanceOf(process, workspaceId)).toBe(9_400);
  });
});

describe("when the event store is killed under load", () => {
  test("commands fail or succeed, never both, and all goes on when it is back", async () => {
    const process = backends.process();
    const ledgers = await Promise.all(Array.from({ length: 8 }, () => openLedger(process.handler, 1_000)));
    const killed = backends.eventStore.pid;
    let done = 0;
    const worker = async (workspaceId: string) => {
      for (let count = 0; count < 60; count += 1) {
        await debitSurely(process, workspaceId);
        done += 1;
        if (done === 100) globalThis.process.kill(killed, "SIGKILL");
      }
    };
    await Promise.all(ledgers.flatMap((id) => [worker(id), worker(id)]));
    expect(backends.eventStore.pid).not.toBe(killed);
    for (const id of ledgers) {
      expect(await debitsOf(process, id)).toHaveLength(120);
      await expect.poll(() => balanceOf(process, id)).toBe(880);
    }
  });
});

describe("when the event store cannot be reached", () => {
  test("commands and states fail as unavailable, and so does the readiness of the process", async () => {
    const blocked = await startLossyProxy(backends.eventStore.url);
    const process = backends.process({ url: blocked.url, limits: { lastKnownMaxMs: 0 } });
    const workspaceId = await openLedger(process.handler, 10);
    await blocked.stop();
    await expect(debit(process, workspaceId)).rejects.toThrow(EventStoreUnavailable);
    await expect
      .poll(() => balanceOf(process, workspaceId).catch((error: Error) => error.name))
      .toBe("EventStoreUnavailable");
    expect(await process.store.isReachable()).toBe(false);
  });

  test("states that were current when it went away count for a while, unknown and doubtful ones do not", async () => {
    const blocked = await startLossyProxy(backends.eventStore.url);
    const process = backends.process({ url: blocked.url, limits: { lastKnownMaxMs: 60_000 } });
    const workspaceId = await openLedger(process.handler, 10);
    const doubtful = await openLedger(process.handler, 10);
    await caughtUp(process);
    await blocked.stop();
    await expect.poll(() => process.store.isReachable()).toBe(false);
    expect(await balanceOf(process, workspaceId)).toBe(10);
    await expect(debit(process, doubtful)).rejects.toThrow(EventStoreUnavailable);
    for (const id of [doubtful, randomUUID()])
      await expect(balanceOf(process, id)).rejects.toThrow(EventStoreUnavailable);
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
    const workspaceId = await openLedger(other.handler, 10);
    expect(await balanceOf(process, workspaceId)).toBe(10);
    await debit(other, workspaceId);
    await expect.poll(() => balanceOf(process, workspaceId)).toBe(9);
  });
});

test("P24: two processes on one ledger, both under load, lose nothing and never go below zero", async () => {
  const [one, two] = [backends.process(), backends.process()];
  const workspaceId = await openLedger(one.handler, 500);
  const outcomes = await Promise.all(
    Array.from({ length: 600 }, (_, index) => debit(index % 2 === 0 ? one : two, workspaceId)),
  );
  const accepted = outcomes.filter((outcome) => !isRejection(outcome));
  expect(accepted).toHaveLength(500);
  expect(outcomes.filter(isRejection).every(({ code }) => code === "INSUFFICIENT_CREDITS")).toBe(true);
  expect(await debitsOf(one, workspaceId)).toHaveLength(500);
  expect(await balanceOf(two, workspaceId)).toBe(0);
});

test("ES-01: a race that cannot be won in a bounded number of attempts is refused as contention", async () => {
  const hopeless = backends.process({ limits: { attemptsMax: 0 } });
  const other = backends.process();
  const workspaceId = await openLedger(other.handler, 10);
  expect(await debit(hopeless, workspaceId)).toMatchObject({ rejected: "conflict", code: "CONTENTION" });
});
