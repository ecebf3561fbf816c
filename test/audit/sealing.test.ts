import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { DebitCredits } from "../../src/commands/credits/debits.ts";
import { AddCredits } from "../../src/commands/credits/grants.ts";
import { OpenLedger } from "../../src/commands/credits/opening.ts";
import { sealLedger } from "../../src/commands/credits/seals.ts";
import { ledgerSeal } from "../../src/domain/credits/ledgerSeal.ts";
import { newKey } from "../../src/platform/encryption.ts";
import { createLog } from "../../src/platform/log.ts";
import { query } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { sealLedgers } from "../../src/reactions/ledgerSealing.ts";
import { installedSealKeys, sealingWith } from "../../src/sealing.ts";
import { contextOf, startWriteSide, type WriteSide } from "../commands/writeSide.ts";
import { until } from "../projections/readSide.ts";
import { type Bookkeeping, bookkeeping } from "./ledgers.ts";

let writeSide: WriteSide;
let masterKey: Buffer;
/** Two processes of one installation. */
let books: Bookkeeping;
let others: Bookkeeping;
beforeAll(async () => {
  writeSide = await startWriteSide();
  masterKey = newKey();
  [books, others] = await Promise.all([bookkeeping(writeSide, masterKey), bookkeeping(writeSide, masterKey)]);
});
afterAll(() => writeSide.stop());

/** Opened, and written to this often. */
const ledger = async (debits = 0): Promise<string> => {
  const workspaceId = randomUUID();
  const send = books.handler;
  await send.handle(OpenLedger, { workspaceId, organizationId: randomUUID(), planType: "free" }, contextOf());
  await send.handle(AddCredits, { workspaceId, amount: 5_000, description: "start" }, contextOf());
  const debit = { workspaceId, amount: 1, description: "Enrich" };
  await Promise.all(Array.from({ length: debits }, () => send.handle(DebitCredits, debit, contextOf())));
  return workspaceId;
};
const sealsOf = async (workspaceId: string) => {
  const seals = await Array.fromAsync(books.handler.history(ledgerSeal, workspaceId));
  return seals.map(({ data }) => data.revision);
};

type Sealer = { on?: Bookkeeping; ledgers: readonly string[]; lateMs: number };
/** Looks at these ledgers again and again, with a clock that is so much ahead. @returns how often it has */
const sealing = ({ on = books, ledgers, lateMs }: Sealer) => {
  const lines: string[] = [];
  let rounds = 0;
  const sealer = sealLedgers({
    openSealing: async () => on.sealing,
    unsealedLedgers: async () => {
      rounds += 1;
      return ledgers.map((workspaceId) => ({ workspaceId, sealedRevision: -1 }));
    },
    intervalMs: 5,
    now: () => new Date(Date.now() + lateMs).toISOString(),
    log: createLog("error", { write: (line) => void lines.push(line) }),
  });
  onTestFinished(() => sealer.stop());
  return { lines, rounds: () => rounds };
};
const hourMs = 3_600_000;

describe("ledgers are sealed by themselves", () => {
  test("once nobody writes to them any more, and once only, whoever else does the same", async () => {
    const ledgers = await Promise.all([ledger(), ledger(), ledger()]);
    const sealers = [books, others].map((on) => sealing({ on, ledgers, lateMs: hourMs }));
    await until(() => sealers.every(({ rounds }) => rounds() > 5));
    for (const each of ledgers) expect(await sealsOf(each)).toEqual([1]);
    expect(sealers.flatMap(({ lines }) => lines)).toEqual([]);
  });

  test("not while somebody writes to them, until more than a thousand events are without a seal", async () => {
    const [short, long] = await Promise.all([ledger(3), ledger(1_001)]);
    const { rounds } = sealing({ ledgers: [short, long], lateMs: 0 });
    await until(() => rounds() > 5);
    expect([await sealsOf(short), await sealsOf(long)]).toEqual([[], [1_002]]);
  });

  test("and one that is not the ledger that was sealed is told of, while the others are sealed", async () => {
    const [changed, next] = await Promise.all([ledger(), ledger()]);
    await books.seal(changed);
    const made = {
      ...books.sealing,
      headOf: async (workspaceId: string) => {
        const head = await books.sealing.headOf(workspaceId);
        return head && workspaceId === changed ? { ...head, chain: "0".repeat(64) } : head;
      },
    };
    const { lines } = sealing({ on: { ...books, sealing: made }, ledgers: [changed, next], lateMs: hourMs });
    await until(() => lines.length > 0);
    await until(async () => (await sealsOf(next)).length === 1);
    expect(lines[0]).toMatch(/not the one that was sealed/);
    expect(lines[0]).toContain("LEDGER_UNLIKE_SEAL");
    expect(await sealsOf(changed)).toEqual([1]);
  });
});

test("a ledger made anew below its last seal is not sealed again by having grown past it", async () => {
  const workspaceId = await ledger();
  const { store, sealing, handler, seal } = books;
  expect(await seal(workspaceId)).toMatchObject({ revision: 1 });
  await handler.handle(DebitCredits, { workspaceId, amount: 1, description: "Enrich" }, contextOf());
  /** What a store gives whose events somebody has made anew, links and all. */
  async function* madeAnew(...asked: Parameters<typeof store.read>) {
    for await (const event of store.read(...asked))
      yield { ...event, metadata: { ...event.metadata, chain: "0".repeat(64) } };
  }
  const tampered = { last: store.last, read: madeAnew };
  const again = sealLedger({
    ...sealing,
    lastSealed: sealingWith({ handler, store: tampered, keys: books.keys }).lastSealed,
  });
  expect(await again.execute({ workspaceId }, contextOf())).toMatchObject({ code: "LEDGER_UNLIKE_SEAL" });
  expect(await sealsOf(workspaceId)).toEqual([1]);
  expect(await seal(workspaceId)).toMatchObject({ revision: 2 });
});

describe("the key that seals", () => {
  test("is one for all processes, and says nothing secret", async () => {
    const { publicJwk } = await books.keys.current();
    expect((await others.keys.current()).publicJwk).toEqual(publicJwk);
    expect(publicJwk).toEqual({
      ...{ kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig" },
      x: expect.stringMatching(/^[\w-]{43}$/),
      kid: expect.stringMatching(/^[\w-]{43}$/),
    });
  });

  test("is kept encrypted under the master key: another one does not open it", async () => {
    await expect(installedSealKeys(writeSide.pool, newKey())).rejects.toThrow();
    const [row] = await query<{ private: Buffer }>(
      writeSide.pool,
      sql`select wrapped_private as private from vault.seal_keys`,
    );
    // A private key of this kind begins so in PKCS #8 (RFC 8410).
    expect(row?.private.toString("hex")).not.toContain("302e020100300506032b6570");
  });

  test("stays: nobody can put another one in its place", async () => {
    await expect(query(writeSide.pool, sql`delete from vault.seal_keys`)).rejects.toThrow("permission denied");
    await expect(query(writeSide.pool, sql`update vault.seal_keys set kid = 'x'`)).rejects.toThrow("permission denied");
  });
});
