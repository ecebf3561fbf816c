import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import type { CarriedOut } from "../../src/commands/commandMemory.ts";
import { forgetKeptCommands, keptCommands } from "../../src/platform/commandMemory.ts";
import { openPool, type Pool, query } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

let database: TestDatabase;
let pool: Pool;
let memory: ReturnType<typeof keptCommands>;

beforeAll(async () => {
  database = await testDatabase();
  const bounds = { max: 2, idleTimeoutMs: 10_000, statementTimeoutMs: 10_000 };
  pool = openPool({ url: database.url, role: "everfold_api", ...bounds, onError: () => undefined });
  memory = keptCommands(pool);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

/** So many commands of two events each, the first of them at this revision. */
const commandsFrom = (first: bigint, count: number) =>
  new Map<string, CarriedOut>(
    Array.from({ length: count }, (_, index) => {
      const firstRevision = first + BigInt(index) * 2n;
      const revision = firstRevision + 1n;
      return [randomUUID(), { inputHash: `hash ${revision}`, firstRevision, revision, position: revision + 100n }];
    }),
  );

const snapshotAfter = (commands: ReturnType<typeof commandsFrom>, state: unknown = { coins: 7 }) => {
  const [lastCommandId = "", last] = [...commands].at(-1) ?? [];
  return { revision: last?.revision ?? 0n, position: last?.position ?? 0n, state, chain: "link", lastCommandId };
};

const keep = async (ledger: string, first: bigint, since?: string, count = 3) => {
  const commands = commandsFrom(first, count);
  const snapshot = snapshotAfter(commands);
  const isKept = await memory.keep(ledger, { version: 1, snapshot }, commands, since);
  return { commands, snapshot, isKept };
};

describe("what is kept of a ledger", () => {
  test("is given back as it was, of that ledger and that version of its fold alone", async () => {
    const [ledger, other] = [randomUUID(), randomUUID()];
    const { commands, snapshot } = await keep(ledger, 0n);
    const { lastCommandId } = snapshot;
    expect(await memory.snapshot(ledger, 1)).toEqual(snapshot);
    expect(await memory.recall(ledger, lastCommandId, [...commands.keys()])).toEqual(commands);

    expect(await memory.snapshot(ledger, 2)).toBeUndefined();
    expect(await memory.snapshot(other, 1)).toBeUndefined();
    expect(await memory.recall(other, lastCommandId, [...commands.keys()])).toBeUndefined();
  });

  test("has only those of the commands asked for that there are", async () => {
    const ledger = randomUUID();
    const { commands, snapshot } = await keep(ledger, 0n);
    const [first = ""] = commands.keys();
    const found = await memory.recall(ledger, snapshot.lastCommandId, [first, randomUUID()]);
    expect(found?.get(first)).toEqual(commands.get(first));
    expect([...(found?.keys() ?? [])].sort()).toEqual([first, snapshot.lastCommandId].sort());
  });

  test("grows by what came after it, and never goes back", async () => {
    const ledger = randomUUID();
    const older = await keep(ledger, 0n);
    const newer = await keep(ledger, 6n, older.snapshot.lastCommandId);
    await memory.keep(ledger, { version: 1, snapshot: older.snapshot }, older.commands, undefined);
    expect(await memory.snapshot(ledger, 1)).toEqual(newer.snapshot);
    const all = [...older.commands.keys(), ...newer.commands.keys()];
    expect((await memory.recall(ledger, newer.snapshot.lastCommandId, all))?.size).toBe(6);
  });

  test("does not grow over a gap: neither the commands are kept nor the snapshot", async () => {
    const ledger = randomUUID();
    expect((await keep(ledger, 6n, randomUUID())).isKept).toBe(false);
    expect(await memory.snapshot(ledger, 1)).toBeUndefined();
    const rows = await query(pool, sql`select from runtime.command_results where ledger = ${ledger}`);
    expect(rows).toEqual([]);
  });

  test("is nothing once its last command was thrown away", async () => {
    const ledger = randomUUID();
    const { snapshot } = await keep(ledger, 0n);
    const { lastCommandId } = snapshot;
    await query(
      pool,
      sql`delete from runtime.command_results where ledger = ${ledger} and command_id = ${lastCommandId}`,
    );
    expect(await memory.snapshot(ledger, 1)).toBeUndefined();
    expect(await memory.recall(ledger, lastCommandId, [])).toBeUndefined();
  });

  test("is forgotten alone, or with all others", async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    for (const ledger of [one, other]) await keep(ledger, 0n);
    await memory.forget(one);
    expect(await memory.snapshot(one, 1)).toBeUndefined();
    expect(await memory.snapshot(other, 1)).toBeDefined();
    await forgetKeptCommands(pool);
    for (const table of [sql`runtime.command_results`, sql`runtime.stream_snapshots`])
      expect(await query(pool, sql`select from ${table}`)).toEqual([]);
  });
});

test("keys were thrown away a part at a time: a ledger's last one stood while one before it was gone", async () => {
  await keep(randomUUID(), 0n, undefined, 500);
  const asked = vi.spyOn(pg.Client.prototype, "query");
  onTestFinished(() => asked.mockRestore());
  await forgetKeptCommands(pool);
  const statements = asked.mock.calls.map(([statement]: unknown[]) =>
    typeof statement === "object" && statement !== null && "text" in statement ? String(statement.text) : statement,
  );
  const kinds = statements.map((text) => String(text).trim().split(" ", 1)[0]);
  expect(kinds.filter((kind) => /begin|delete|commit/.test(String(kind)))).toEqual([
    "begin",
    "delete",
    "delete",
    "commit",
  ]);
});

test("a ledger that could hand nothing over for long stopped the process: it does so in slices", async () => {
  const asked = vi.spyOn(pg.Client.prototype, "query");
  onTestFinished(() => asked.mockRestore());
  const ledger = randomUUID();
  const { commands, snapshot } = await keep(ledger, 0n, undefined, 2_500);

  const longest = asked.mock.calls.flatMap(([statement]: unknown[]) =>
    typeof statement === "object" && statement !== null && "values" in statement && Array.isArray(statement.values)
      ? statement.values.map((value: unknown) => (Array.isArray(value) ? value.length : 0))
      : [],
  );
  expect(Math.max(...longest)).toBeLessThanOrEqual(500);
  expect((await memory.recall(ledger, snapshot.lastCommandId, [...commands.keys()]))?.size).toBe(2_500);
});
