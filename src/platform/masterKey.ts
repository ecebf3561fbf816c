import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const KEY_BYTES = 32;

/**
 * The key that wraps all others, kept in `<dataDir>/master.key` for machines where none is configured. It is made
 * on the first start and readable by its owner alone. Whoever loses it loses every secret and all personal data.
 */
export const keptMasterKey = async (dataDir: string): Promise<Buffer> => {
  const file = join(dataDir, "master.key");
  const kept = await read(file);
  if (kept !== undefined) return kept;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await create(file);
  return keptMasterKey(dataDir);
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
