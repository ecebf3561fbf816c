import { randomBytes } from "node:crypto";
import { link, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deriveKey, keyedHash } from "./encryption.ts";
import { type Pool, query } from "./postgres.ts";
import { sql } from "./sql.ts";

const KEY_BYTES = 32;

/** Everything encrypted was encrypted under another master key, or under one that is lost. */
export class MasterKeyRefused extends Error {
  override readonly name = "MasterKeyRefused";
}

const withoutIt = "Without it nothing personal and no secret can be read.";

/**
 * The key that wraps all others: the one given or, where none is configured, the one kept in `<dataDir>/master.key`. It
 * is made on the first start of all and readable by its owner alone; whoever loses it loses every secret and all
 * personal data. The vault keeps a keyed hash that tells whether it is still the same.
 *
 * Errors: `MasterKeyRefused`, `DatabaseUnavailable`.
 */
export const openMasterKey = async (
  pool: Pool,
  { given, dataDir }: { given?: Buffer | undefined; dataDir: string },
): Promise<Buffer> => {
  const file = join(dataDir, "master.key");
  const known = await keptHash(pool);
  const present = given ?? (await read(file));
  if (known !== undefined && present === undefined)
    throw new MasterKeyRefused(
      `The vault was made with a master key, but ${file} is gone. Put it back, or set ENCRYPTION_MASTER_KEY to that ` +
        `key. ${withoutIt}`,
    );
  const key = present ?? (await made(file));
  if (hashOf(key) === (known ?? (await keep(pool, hashOf(key))))) return key;
  throw new MasterKeyRefused(
    `${given ? "ENCRYPTION_MASTER_KEY" : `The key in ${file}`} is not the master key that the vault was made with. ` +
      `Put the right one back. ${withoutIt}`,
  );
};

const hashOf = (key: Uint8Array): string => keyedHash(deriveKey(key, "master-key-check"))("everfold");

const keptHash = async (pool: Pool): Promise<string | undefined> => {
  const [row] = await query<{ keyed_hash: string }>(pool, sql`select keyed_hash from vault.master_key_check`);
  return row?.keyed_hash;
};

/** @returns the hash that is kept from now on: of two processes that do this at once the first one's */
const keep = async (pool: Pool, hash: string): Promise<string | undefined> => {
  await query(pool, sql`insert into vault.master_key_check (keyed_hash) values (${hash}) on conflict do nothing`);
  return keptHash(pool);
};

const made = async (file: string): Promise<Buffer> => {
  await create(file);
  const key = await read(file);
  if (key === undefined) throw new Error(`${file} was made and is gone again`);
  return key;
};

const read = async (file: string): Promise<Buffer | undefined> => {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const key = Buffer.from(text.trim(), "base64");
  if (key.length !== KEY_BYTES) throw new Error(`${file} does not hold a key of ${KEY_BYTES} bytes`);
  return key;
};

/** Linked into place whole: of two processes that start at once one wins, and neither reads half a key. */
const create = async (file: string): Promise<void> => {
  const draft = `${file}.${randomBytes(8).toString("hex")}`;
  await writeFile(draft, `${randomBytes(KEY_BYTES).toString("base64")}\n`, { flag: "wx", mode: 0o600, flush: true });
  try {
    await link(draft, file);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  } finally {
    await rm(draft);
  }
};

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);
