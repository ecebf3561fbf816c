import { closeSync, constants, existsSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** Remembers beside the database how far it has come, so that a loss that leaves it sound is noticed nonetheless. */
export type Acknowledged = {
  /** To be called when everything up to `position` is durable, and before anybody is told so. */
  record(position: number): void;
  close(): void;
};

const digits = 16;
const lockWaitMs = 500;

const recordOf = (databaseFile: string): string => `${databaseFile}-acknowledged`;

/**
 * The record is left to the operating system to write: killing this process does not lose it, and after a power cut it
 * may lie behind the database, never before it.
 */
export function openAcknowledged(databaseFile: string): Acknowledged {
  const descriptor = openSync(recordOf(databaseFile), constants.O_RDWR | constants.O_CREAT, 0o600);
  let last: number | undefined;
  return {
    record(position) {
      if (position === last) return;
      last = position;
      try {
        writeSync(descriptor, `${String(position).padStart(digits, "0")}\n`, 0);
      } catch {
        // A record that lies behind promises less than there is, which is no lie.
      }
    },
    close: () => closeSync(descriptor),
  };
}

/** Of a database that is lost with the process anyway. */
export const nothingAcknowledged: Acknowledged = { record: () => {}, close: () => {} };

/**
 * Says which loss there is when the database ends before what was acknowledged: to SQLite, a write-ahead log that was
 * cut, damaged or removed merely ended earlier. Looks without changing anything, so that whatever is left can be saved.
 */
export function lossOf(databaseFile: string): string | undefined {
  const acknowledged = recorded(databaseFile);
  if (acknowledged === undefined) return undefined;
  const last = lastPosition(databaseFile);
  if (last >= acknowledged) return undefined;
  return (
    `it ends with event ${last}, although event ${acknowledged} was acknowledged: its write-ahead log was cut, ` +
    `damaged or removed. Restore the folder from a backup. To go on without what is lost, remove ` +
    `${recordOf(databaseFile)}.`
  );
}

function recorded(databaseFile: string): number | undefined {
  try {
    const text = readFileSync(recordOf(databaseFile), "latin1");
    return /^\d+\n$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}

// A reader recovers the log for itself and, unlike a writer, leaves it as it is when it closes.
function lastPosition(databaseFile: string): number {
  const made = ["-wal", "-shm"].map((suffix) => databaseFile + suffix).filter((file) => !existsSync(file));
  const database = new DatabaseSync(databaseFile, { readOnly: true, timeout: lockWaitMs });
  try {
    const position = database.prepare("select max(position) as position from events").get()?.["position"];
    return typeof position === "number" ? position : 0;
  } finally {
    database.close();
    for (const file of made) rmSync(file, { force: true });
  }
}
