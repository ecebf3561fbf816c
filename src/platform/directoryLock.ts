import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Another process works on the directory. */
export class DirectoryInUse extends Error {
  override readonly name = "DirectoryInUse";
}

/**
 * Makes the directory and holds it for this process. The lock is SQLite's on a file in it: the operating system gives
 * it back however the process ends, so that no stale lock is ever left to be removed by hand.
 *
 * @returns a function that gives the directory free
 */
export const lockDirectory = async (directory: string): Promise<() => void> => {
  await mkdir(directory, { recursive: true });
  const lock = new DatabaseSync(join(directory, "everfold.lock"));
  try {
    lock.exec("pragma locking_mode = exclusive; begin exclusive");
  } catch (cause) {
    lock.close();
    if (!/locked/.test(String(cause))) throw cause;
    throw new DirectoryInUse(`Everfold already runs on ${resolve(directory)}: stop it, or set another DATA_DIR.`, {
      cause,
    });
  }
  return () => lock.close();
};
