import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DebitCredits } from "../../src/commands/credits.ts";
import { creditLedger } from "../../src/domain/credits/creditLedger.ts";
import { type EmbeddedEventStore, startEventStore } from "../../src/embedded/eventStore.ts";
import { verifyChain } from "../../src/eventstore/chain.ts";
import { query } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { contextOf, openLedger, type Process, startWriteSide, type WriteSide } from "./writeSide.ts";

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

const debit = (workspaceId: string, by: Process, context = contextOf()) =>
  by.handler.handle(DebitCredits, { workspaceId, amount: 1, description: "row" }, context);

const snapshotOf = async (workspaceId: string) => {
  const [row] = await query<{ revision: number }>(
    backends.pool,
    sql`select revision from runtime.stream_snapshots where stream = ${`credit_ledger-${workspaceId}`}`,
  );
  return row?.revision;
};

/** A ledger of 1,000 credits, debited until a snapshot is kept; of its stream the backup has this many events. */
const ledgerRestoredTo = async (count: number) => {
  const workspaceId = await openLedger(before.handler, 1_000);
  const contexts = [];
  while ((await snapshotOf(workspaceId)) === undefined) {
    const context = contextOf();
    await debit(workspaceId, before, context);
    contexts.push(context);
  }
  const after = backends.process({ url: restored.url, limits });
  const stream = `credit_ledger-${workspaceId}`;
  const kept = await Array.fromAsync(before.store.read(stream, 0n, count));
  await after.store.append(stream, kept, -1n);
  return { workspaceId, stream, contexts, after };
};

test("a snapshot of events the restored store never had wedged its ledger and invented its balance", async () => {
  const { workspaceId, contexts, after } = await ledgerRestoredTo(4);
  const { state, revision } = await after.handler.stateOf(creditLedger, workspaceId);
  expect([state, revision]).toMatchObject([{ balance: 998 }, 3n]);
  expect(await debit(workspaceId, after)).toMatchObject({ answer: { balance: 997 }, revision: 4n });

  // Of the commands kept those the backup has are repeated, those it has not are carried out.
  expect(await debit(workspaceId, after, contexts[0])).toMatchObject({ answer: { balance: 999 }, replayed: true });
  expect(await debit(workspaceId, after, contexts.at(-1))).toMatchObject({ answer: { balance: 996 }, replayed: false });
});

test("a snapshot the restored stream has outgrown on another way is not continued", async () => {
  const { workspaceId, stream, contexts, after } = await ledgerRestoredTo(4);
  const stale = (await snapshotOf(workspaceId)) ?? 0;
  const without = backends.process({ url: restored.url, limits: { snapshotEvery: Number.MAX_SAFE_INTEGER } });
  const { revision } = await without.handler.stateOf(creditLedger, workspaceId);
  for (let at = revision; at < stale + 30; at += 1n) await debit(workspaceId, without);

  const events = await Array.fromAsync(after.store.read(stream));
  expect(await verifyChain(workspaceId, events)).toMatchObject({ isIntact: true });
  const fresh = backends.process({ url: restored.url, limits });
  const { state } = await fresh.handler.stateOf(creditLedger, workspaceId);
  expect(state).toMatchObject({ balance: 1_000 - (events.length - 2) });
  expect(await debit(workspaceId, fresh, contexts.at(-1))).toMatchObject({ replayed: false });
});
