import { access, constants, mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Another process works on the directory. */
export class DirectoryInUse extends Error {
  override readonly name = "DirectoryInUse";
}

/** The directory cannot be made, or not be worked in; the message says why and what to do. */
class DirectoryUnusable extends Error {
  override readonly name = "DirectoryUnusable";

  constructor(directory: string, cause: unknown) {
    const { code = "", message } = Object(cause) as { code?: string; message?: string };
    super(
      `DATA_DIR cannot be used: ${resolve(directory)} ${reasons[code] ?? `fails with: ${message}`}. ` +
        "Set DATA_DIR to a folder that Everfold may write to.",
      { cause },
    );
  }
}

const reasons: Readonly<Record<string, string>> = {
  EEXIST: "is not a folder",
  ENOTDIR: "leads through something that is not a folder",
  EACCES: "may not be written to",
  EPERM: "may not be written to",
  EROFS: "may not be written to",
};

const lockFile = "everfold.lock";
/** The embedded Postgres may run as another user, who has to pass; nobody else needs to know what is in there. */
const DIRECTORY_MODE = 0o711;

/**
 * Makes the directory and holds it for this process. The lock is SQLite's on a file in it: the operating system gives
 * it back however the process ends, so that no stale lock is ever left to be removed by hand.
 *
 * Errors: `DirectoryInUse`; `DirectoryUnusable`.
 *
 * @returns a function that gives the directory free
 */
export const lockDirectory = async (directory: string): Promise<() => void> => {
  try {
    await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    await access(directory, constants.W_OK | constants.X_OK);
    await makeLockFile(join(directory, lockFile));
  } catch (cause) {
    throw new DirectoryUnusable(directory, cause);
  }
  return lockIn(directory);
};

/** Who may read it may lock it as well. One that is there is not opened: closing it would let go of a lock on it. */
const makeLockFile = (file: string): Promise<void> =>
  writeFile(file, "", { flag: "wx", mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });

const lockIn = (directory: string): (() => void) => {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(join(directory, lockFile));
    lock.exec("pragma locking_mode = exclusive; begin exclusive");
    return lock.close.bind(lock);
  } catch (cause) {
    lock?.close();
    if (!/locked/.test(String(cause))) throw new DirectoryUnusable(directory, cause);
    throw new DirectoryInUse(`Everfold already runs on ${resolve(directory)}: stop it, or set another DATA_DIR.`, {
      cause,
    });
  }
};
