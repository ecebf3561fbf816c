import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newKey } from "../../src/platform/encryption.ts";
import { type KeyVault, keyVault, SubjectErased } from "../../src/platform/keyVault.ts";
import { openPool, type Pool, query } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import type { Subject } from "../../src/platform/wrappedKeys.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

const masterKey = newKey();
let database: TestDatabase;
let pool: Pool;
let vault: KeyVault;

beforeAll(async () => {
  database = await testDatabase();
  pool = open(database);
  vault = keyVault({ pool, masterKey });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const open = ({ url }: TestDatabase): Pool => {
  const bounds = { max: 8, idleTimeoutMs: 10_000, statementTimeoutMs: 10_000 };
  return openPool({ url, role: "everfold_api", ...bounds, onError: () => undefined });
};

const person = (): Subject => ({ id: randomUUID(), kind: "user", scope: null });
const credential = (scope = randomUUID()): Subject => ({ id: randomUUID(), kind: "credential", scope });
/** A process of its own: nothing cached. */
const elsewhere = () => keyVault({ pool, masterKey });

describe("a subject's key", () => {
  test("is made when it is first written under, and is the same ever after, in every process", async () => {
    const subjects = [person(), credential(), person()];
    const made = await vault.keysToWrite(subjects);
    expect(new Set([...made.values()].map((key) => Buffer.from(key).toString("hex"))).size).toBe(3);
    expect(await vault.keysToRead(subjects)).toEqual(made);
    expect(await elsewhere().keysToRead(subjects)).toEqual(made);
    expect(await elsewhere().keysToWrite(subjects)).toEqual(made);
  });

  test("is one key, also when many processes make it at the same moment", async () => {
    const subject = person();
    const keys = await Promise.all(Array.from({ length: 8 }, () => elsewhere().keysToWrite([subject])));
    for (const key of keys) expect(key).toEqual(keys[0]);
  });

  test("CRED-04: is stored wrapped only, with the version and the scope of what it is wrapped under", async () => {
    const subject = credential();
    const key = (await vault.keysToWrite([subject])).get(subject.id) ?? Buffer.alloc(0);
    const [row] = await query<{ wrapped_key: Buffer; key_version: number; scope_id: string; kind: string }>(
      pool,
      sql`select wrapped_key, key_version, scope_id, kind from vault.subject_keys where subject_id = ${subject.id}`,
    );
    expect(row).toMatchObject({ key_version: 1, scope_id: subject.scope, kind: "credential" });
    expect(row?.wrapped_key.includes(Buffer.from(key))).toBe(false);
    await expect(keyVault({ pool, masterKey: newKey() }).keysToRead([subject])).rejects.toThrow();
  });

  test("CRED-09: is of no use in another subject's row or another workspace", async () => {
    const [mine, theirs] = [credential(), credential()];
    await vault.keysToWrite([mine, theirs]);
    await query(
      pool,
      sql`update vault.subject_keys set wrapped_key = (
        select wrapped_key from vault.subject_keys where subject_id = ${mine.id}) where subject_id = ${theirs.id}`,
    );
    await expect(elsewhere().keysToRead([theirs])).rejects.toThrow();
    await expect(elsewhere().keysToRead([{ ...mine, scope: randomUUID() }])).rejects.toThrow();
  });

  test("wrapped under another version of the master key than the one given is an error that says so", async () => {
    const subject = person();
    await vault.keysToWrite([subject]);
    await query(pool, sql`update vault.subject_keys set key_version = 2 where subject_id = ${subject.id}`);
    await expect(elsewhere().keysToRead([subject])).rejects.toThrow(/master key 2/);
  });

  test("that never was is an error to read with: something is wrong with the vault", async () => {
    await expect(vault.keysToRead([person()])).rejects.toThrow(/never|no key/);
  });
});

describe("a destroyed key", () => {
  test("reads as destroyed, is never made again, and lets nothing be written", async () => {
    const subject = person();
    await vault.keysToWrite([subject]);
    await vault.destroy(subject);
    for (const process of [vault, elsewhere()]) {
      expect(await process.keysToRead([subject])).toEqual(new Map([[subject.id, undefined]]));
      await expect(process.keysToWrite([subject])).rejects.toThrow(SubjectErased);
    }
    const [row] = await query(
      pool,
      sql`select wrapped_key, destroyed_at is not null as destroyed from vault.subject_keys
        where subject_id = ${subject.id}`,
    );
    expect(row).toEqual({ wrapped_key: null, destroyed: true });
  });

  test("stays destroyed when it is destroyed again, or before it was made", async () => {
    const subject = person();
    await vault.destroy(subject);
    await vault.destroy(subject);
    await expect(elsewhere().keysToWrite([subject])).rejects.toThrow(SubjectErased);
  });
});
