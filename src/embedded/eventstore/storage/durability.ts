import { closeSync, fdatasync, fdatasyncSync, openSync } from "node:fs";
import { promisify } from "node:util";

/** Makes what was committed outlast a power cut; the death of this process it outlasts from the commit on. */
export type Durability = {
  /** Resolves when it does, and leaves the event loop free until then. */
  flush(): Promise<void>;
  /** The same with a shorter way and nothing else going on meanwhile. */
  flushNow(): void;
  close(): void;
};

/** The disk did not take what was committed. Nobody knows what of it is there: only a new process can find out. */
export class FlushFailedError extends Error {}

const failed = (cause: unknown) =>
  new FlushFailedError(`The disk did not confirm a commit: ${cause instanceof Error ? cause.message : cause}`, {
    cause,
  });

const flushData = promisify(fdatasync);

/**
 * Of a database in WAL mode with `synchronous = normal`: SQLite then flushes its write-ahead log before a checkpoint,
 * and leaves it to us to flush it after a commit. `synchronous = full` would do the same while everything waits.
 */
export function walDurability(databaseFile: string): Durability {
  let descriptor: number | undefined;
  // SQLite keeps one file under this name for as long as the database is open, and makes it at the first commit.
  const wal = () => {
    descriptor ??= openSync(`${databaseFile}-wal`, "r");
    return descriptor;
  };
  return {
    async flush() {
      try {
        await flushData(wal());
      } catch (error) {
        throw failed(error);
      }
    },
    flushNow() {
      try {
        fdatasyncSync(wal());
      } catch (error) {
        throw failed(error);
      }
    },
    close() {
      if (descriptor !== undefined) closeSync(descriptor);
    },
  };
}

/** Of a database in memory, which outlasts nothing. */
export const noDurability: Durability = { flush: async () => {}, flushNow: () => {}, close: () => {} };
