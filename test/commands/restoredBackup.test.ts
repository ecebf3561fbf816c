import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddedEventStore, startEventStore } from "../../src/embedded/eventStore.ts";
import { verifyChain } from "../../src/eventstore/chain.ts";
import { query } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { purse, TakeCoins } from "./purse.ts";
import { coinsIn, contextOf, openPurse, type Process, startWriteSide, type WriteSide } from "./writeSide.ts";

const limits = { snapshotEvery: 10 };
let backends: WriteSide;
/** The store as it was before the backup was put in its place, and after. */
let before: Process;
let restored: EmbeddedEventStore;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "everfold-restored-"));
  [backends, restored] = await Promise.all([startWriteSide(), startEventStore({ directory })]);
  before = backends.process({ limits });
});
afterAll(async () => {
  await backends.stop();
  await restored.stop();
  await rm(directory, { recursive: true, force: true });
});

const take = (purseId: string, by: Process, context = contextOf()) =>
  by.handler.handle(TakeCoins, { purseId, coins: 1 }, context);

const snapshotOf = async (purseId: string) => {
  const [row] = await query<{ revision: number }>(
    backends.pool,
    sql`select revision from runtime.stream_snapshots where ledger = ${purseId}`,
  );
  return row?.revision;
};

/** A purse of 1,000 coins, taken from until a snapshot is kept; of its stream the backup has this many events. */
const purseRestoredTo = async (count: number) => {
  const purseId = await openPurse(before.handler, 1_000);
  const contexts = [];
  while ((await snapshotOf(purseId)) === undefined) {
    const context = contextOf();
    await take(purseId, before, context);
    contexts.push(context);
  }
  const after = backends.process({ url: restored.url, limits });
  const stream = `purse-${purseId}`;
  const kept = await Array.fromAsync(before.store.read(stream, 0n, count));
  await after.store.append(stream, kept, -1n);
  return { purseId, stream, contexts, after };
};

test("a snapshot of events the restored store never had wedged its ledger and invented its balance", async () => {
  const { purseId, contexts, after } = await purseRestoredTo(4);
  const { state, revision } = await after.handler.stateOf(purse, purseId);
  expect([state, revision]).toMatchObject([{ coins: 997 }, 3n]);
  expect(await take(purseId, after)).toMatchObject({ answer: { left: 996 }, revision: 4n });

  // Of the commands kept those the backup has are repeated, those it has not are carried out.
  expect(await take(purseId, after, contexts[0])).toMatchObject({ answer: { left: 999 }, replayed: true });
  expect(await take(purseId, after, contexts.at(-1))).toMatchObject({ answer: { left: 995 }, replayed: false });
});

test("a snapshot the restored stream has outgrown on another way is not continued", async () => {
  const { purseId, stream, contexts, after } = await purseRestoredTo(4);
  const stale = (await snapshotOf(purseId)) ?? 0;
  const without = backends.process({ url: restored.url, limits: { snapshotEvery: Number.MAX_SAFE_INTEGER } });
  const { revision } = await without.handler.stateOf(purse, purseId);
  for (let at = revision; at < stale + 30; at += 1n) await take(purseId, without);

  const events = await Array.fromAsync(after.store.read(stream));
  expect(await verifyChain(purseId, events)).toMatchObject({ isIntact: true });
  const fresh = backends.process({ url: restored.url, limits });
  expect(await coinsIn(fresh.handler, purseId)).toBe(1_000 - (events.length - 1));
  expect(await take(purseId, fresh, contexts.at(-1))).toMatchObject({ replayed: false });
});
