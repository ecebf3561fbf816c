import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newKey } from "../../src/platform/encryption.ts";
import { openMasterKey } from "../../src/platform/masterKey.ts";
import { openPool, type Pool, query } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

let dataDir: string;
let database: TestDatabase;
let pool: Pool;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "everfold-key-"));
  database = await testDatabase();
  const bounds = { max: 4, idleTimeoutMs: 10_000, statementTimeoutMs: 10_000 };
  pool = openPool({ url: database.url, role: "everfold_api", ...bounds, onError: () => undefined });
});
afterEach(async () => {
  await pool.end();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

const kept = () => openMasterKey(pool, { dataDir });
const given = (masterKey: Buffer) => openMasterKey(pool, { dataDir, given: masterKey });
const file = () => join(dataDir, "master.key");

describe("the kept master key", () => {
  it("is made once, for its owner's eyes only", async () => {
    const made = await kept();
    expect(made).toHaveLength(32);
    expect(await kept()).toEqual(made);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
  });

  it("is the same for all who start at once, and leaves no drafts behind", async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, kept));
    expect(new Set(keys.map((key) => key.toString("hex"))).size).toBe(1);
    expect(await readdir(dataDir)).toEqual(["master.key"]);
  });

  it("is never replaced when it cannot be read", async () => {
    await writeFile(file(), "dG9vIHNob3J0");
    await expect(kept()).rejects.toThrow("does not hold a key of 32 bytes");
  });

  it("is never replaced when its file was lost, and serves again once that is put back", async () => {
    const made = await kept();
    const text = await readFile(file());
    await rm(file());
    await expect(kept()).rejects.toThrow(`${file()} is gone`);
    expect(await readdir(dataDir)).toEqual([]);
    await writeFile(file(), text);
    expect(await kept()).toEqual(made);
  });

  it("is refused when the vault was made with another one", async () => {
    await kept();
    await writeFile(file(), newKey().toString("base64"));
    await expect(kept()).rejects.toThrow(`${file()} is not the master key`);
  });
});

describe("a master key given", () => {
  it("is taken for a vault that has none yet, kept in no file, and refused as soon as it is another one", async () => {
    const masterKey = newKey();
    expect(await given(masterKey)).toEqual(masterKey);
    expect(await given(masterKey)).toEqual(masterKey);
    expect(await readdir(dataDir)).toEqual([]);
    await expect(given(newKey())).rejects.toThrow("ENCRYPTION_MASTER_KEY is not the master key");
  });

  it("is taken from one alone when several start at once with keys of their own", async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => given(newKey())));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it("leaves nothing in the vault that would tell it", async () => {
    const masterKey = newKey();
    await given(masterKey);
    const [row] = await query(pool, sql`select * from vault.master_key_check`);
    for (const encoding of ["hex", "base64", "base64url"] as const)
      expect(JSON.stringify(row)).not.toContain(masterKey.toString(encoding));
  });
});
