import { inspect } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { defaultLimits } from "../../src/commands/limits.ts";
import { query } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { TakeCoins } from "./purse.ts";
import { coinsIn, contextOf, openPurse, type Process, startWriteSide, type WriteSide } from "./writeSide.ts";

const length = 8_000;
const groupMax = 500;
/** What loading may cost: one and a half times a ledger of 1,000 events. */
const eventsReadMax = 1_500;

let backends: WriteSide;

beforeAll(async () => {
  backends = await startWriteSide();
});
afterAll(() => backends.stop());

/** A purse from which one coin was taken `length` times. @returns its id and the contexts of the takings */
const longPurse = async (by: Process) => {
  const purseId = await openPurse(by.handler, length * 2);
  const contexts = Array.from({ length }, () => contextOf());
  for (let done = 0; done < length; done += groupMax) {
    const items = contexts.slice(done, done + groupMax).map((context) => ({ input: { purseId, coins: 1 }, context }));
    await by.handler.handleAll(TakeCoins, items, { atomic: true });
  }
  return { purseId, contexts };
};

/** Counts what a process reads from the store. */
const eventsReadBy = ({ store }: Process) => {
  const read = store.read;
  let events = 0;
  vi.spyOn(store, "read").mockImplementation(async function* (...asked) {
    for await (const event of read(...asked)) {
      events += 1;
      yield event;
    }
  });
  return () => events;
};

/** Counts how often the rows of commands are asked for from now on. */
const lookUps = () => {
  const asked = vi.spyOn(pg.Client.prototype, "query").mockClear();
  onTestFinished(() => asked.mockRestore());
  return () => asked.mock.calls.filter((call) => inspect(call).includes("command_id = any(")).length;
};

const snapshotOf = async (purseId: string) => {
  const [row] = await query<{ revision: number }>(
    backends.pool,
    sql`select revision from runtime.stream_snapshots where ledger = ${purseId}`,
  );
  return row?.revision ?? 0;
};

const neverKept = { snapshotEvery: Number.MAX_SAFE_INTEGER, heldByLedgerMax: Number.MAX_SAFE_INTEGER };

describe("however long a ledger is", () => {
  test("whoever loads it reads a snapshot and a bounded rest, as soon as those who wrote it have stopped", async () => {
    const writer = backends.process();
    const { purseId } = await longPurse(writer);
    const boundedRest = defaultLimits.snapshotEvery + defaultLimits.batchCommandsMax;
    await expect.poll(() => snapshotOf(purseId), { timeout: 20_000 }).toBeGreaterThan(length - boundedRest);
    const fresh = backends.process();
    const read = eventsReadBy(fresh);
    expect(await coinsIn(fresh.handler, purseId)).toBe(length);
    expect(read()).toBeLessThanOrEqual(eventsReadMax);
  });

  test("a process that only loads it leaves a snapshot to those after it, and is never far ahead of it", async () => {
    const { purseId } = await longPurse(backends.process({ limits: neverKept }));
    expect(await snapshotOf(purseId)).toBe(0);
    const first = backends.process();
    const read = eventsReadBy(first);
    expect(await coinsIn(first.handler, purseId)).toBe(length);
    expect(read()).toBe(length + 1);
    await expect.poll(() => snapshotOf(purseId), { timeout: 20_000 }).toBeGreaterThan(length - eventsReadMax);
    expect(first.handler.held().commands).toBeLessThan(length);

    const fresh = backends.process();
    const readThen = eventsReadBy(fresh);
    expect(await coinsIn(fresh.handler, purseId)).toBe(length);
    expect(readThen()).toBeLessThanOrEqual(eventsReadMax);
  });

  test("BILL-11: its first keys are known by one look-up a batch, or by a load where tables are empty", async () => {
    const { purseId, contexts } = await longPurse(backends.process({ limits: neverKept }));
    const oldest = contexts.slice(0, 100);
    const items = oldest.map((context) => ({ input: { purseId, coins: 1 }, context }));
    const again = async (by: Process) => {
      const outcomes = await by.handler.handleAll(TakeCoins, items, { atomic: false });
      expect(outcomes).toMatchObject(
        oldest.map((_, at) => ({ answer: { left: length * 2 - 1 - at }, replayed: true })),
      );
    };
    for (const _ of ["nothing is kept yet", "the tables were emptied"]) {
      const loading = backends.process();
      await again(loading);
      await expect.poll(() => snapshotOf(purseId), { timeout: 20_000 }).toBeGreaterThan(length - eventsReadMax);

      const fresh = backends.process();
      await coinsIn(fresh.handler, purseId);
      const [read, asked] = [eventsReadBy(fresh), lookUps()];
      await again(fresh);
      expect([read(), asked()]).toEqual([oldest.length, 1]);
      await fresh.handler.handle(TakeCoins, { purseId, coins: 1 }, contexts[0] ?? contextOf());
      expect([read(), asked()]).toEqual([oldest.length + 1, 2]);
      await backends.forgetCommands();
    }
  });
});
