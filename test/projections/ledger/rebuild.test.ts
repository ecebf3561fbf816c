import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { creditLedger } from "../../../src/domain/credits/creditLedger.ts";
import { noStream } from "../../../src/eventstore/store.ts";
import { billing } from "../../../src/projections/billing.ts";
import { followProjected, type Projected } from "../../../src/projections/positions.ts";
import { rebuild } from "../../../src/projections/rebuild.ts";
import { runProjections } from "../../../src/projections/runner.ts";
import { workspaceId } from "../../domain/ledgerStory.ts";
import { changesInClear, rowsAfter } from "../../spec.ts";
import { codec, log } from "../jars.ts";
import { type ReadSide, startReadSide } from "../readSide.ts";
import { endless, type Story, storyOf } from "./stories.ts";

let side: ReadSide;
let projected: Projected;
const projections = [billing];
beforeAll(async () => {
  side = await startReadSide();
  projected = followProjected(side.pool, projections, log);
});
afterAll(async () => {
  await projected.stop();
  await side[Symbol.asyncDispose]();
});

const stream = `credit_ledger-${workspaceId}`;
const append = async (events: Story["history"], expected: bigint): Promise<bigint> => {
  const written = events.map(({ id, type, data, metadata }) => ({ id, type, data, metadata }));
  const appended = await side.store.append(stream, written, expected);
  if (appended === "conflict") throw new Error("two writers on one ledger");
  return appended.position;
};
const allRows = async () => {
  const tables: Record<string, string[]> = {};
  for (const { name } of billing.tables) tables[name] = await side.rowsOf(name);
  return tables;
};

/** The same ones in every run. */
const sampled = fc.sample(endless, { seed: 7, numRuns: 30 }).flat();

test("ES-05: however late the ledger's read models are made, and while it goes on, rows are the same", async () => {
  const { history } = storyOf(sampled);
  const [first, second, third] = [history.slice(0, 200), history.slice(200, 300), history.slice(300)];
  expect(third.length).toBeGreaterThan(100);
  const { store, pool } = side;
  const runner = runProjections({ store, pool, codec, projections, sources: [creditLedger], log });
  await append(first, noStream);
  await append(second, 199n);
  const how = { signal: new AbortController().signal, isAsked: true };
  const rebuilding = rebuild({ store, pool, codec, projections, log }, billing, how);
  const position = await append(third, 299n);
  await rebuilding;
  expect(await projected.waitFor(position, 30_000)).toBe(true);
  const live = await allRows();
  await runner.stop();

  await pool.query("update read_model.credit_daily set spent = spent + 1");
  await pool.query("delete from read_model.credit_lots");
  await rebuild({ store, pool, codec, projections, log }, billing, how);
  expect(await allRows()).toEqual(live);

  const changes = history.flatMap((event) => changesInClear(billing, event));
  for (const { name } of billing.tables)
    expect([name, live[name]?.length]).toEqual([
      name,
      rowsAfter(changes.filter(({ table }) => table.name === name)).length,
    ]);
});
