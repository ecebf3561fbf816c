import { sqliteCode } from "./storage/database.ts";
import { FlushFailedError } from "./storage/durability.ts";

const ioError = 10;
const corrupt = 11;
const full = 13;
const notADatabase = 26;
/** SQLITE_IOERR_READ, _SHORT_READ and _WRITE: that one read or transaction failed, and has left nothing behind. */
const confined: ReadonlySet<unknown> = new Set([266, 522, 778]);

const consequences: ReadonlyMap<number | undefined, string> = new Map([
  [ioError, "what the disk does not take or give is refused"],
  [corrupt, "events.db is damaged: what needs the damaged place is refused; restore the folder from a backup"],
  [full, "the disk is full: appends are refused until there is room"],
]);

/** For the operator. */
export function describeFailure(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const consequence = consequences.get(sqliteCode(error));
  return consequence === undefined ? message : `${message} (${consequence})`;
}

/** Whether the disk is full or fails, and not what was asked of it is at fault. */
export function isOfTheDisk(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === ioError || code === full;
}

/** Whether what is in memory can no longer be trusted, so that a new process has to recover from what is on disk. */
export function isFatal(error: unknown): boolean {
  const code = sqliteCode(error);
  if (code === notADatabase || error instanceof FlushFailedError) return true;
  return code === ioError && !(error instanceof Error && "errcode" in error && confined.has(error.errcode));
}
