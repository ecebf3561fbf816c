import { closeSync, constants, existsSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** Remembers beside the database how far it has come, so that a loss that leaves it sound is noticed nonetheless. */
export type Acknowledged = {
  /** To be called when everything up to `position` is durable, and before anybody is told so. */
  record(position: number): void;
  close(): void;
};

const digits = 16;

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

/** Says which loss there is when the database ends before what was acknowledged. */
export function lossIn(database: DatabaseSync, databaseFile: string): string | undefined {
  const acknowledged = recorded(databaseFile);
  const last = Number(database.prepare("select max(position) as position from events").get()?.["position"] ?? 0);
  if (acknowledged === undefined || last >= acknowledged) return undefined;
  return (
    `it ends with event ${last}, although event ${acknowledged} was acknowledged: its write-ahead log was cut, ` +
    `damaged or removed. Restore the folder from a backup. To go on without what is lost, remove ` +
    `${recordOf(databaseFile)}.`
  );
}

/**
 * The same before the database is opened for writing. To SQLite, a log that was cut, damaged or removed merely ended
 * earlier, and a writer would take over what is left of it; a reader leaves all as it is, so that it can be saved.
 */
export function lossUnopened(databaseFile: string): string | undefined {
  const index = `${databaseFile}-shm`;
  // Another program may have the database open by it, and without it would no longer see what others write.
  const wasThere = existsSync(index);
  try {
    using reader = new DatabaseSync(databaseFile, { readOnly: true });
    return lossIn(reader, databaseFile);
  } catch {
    // Whatever keeps it from being read shows again when it is opened, but for a reader's need of room on the disk.
    return undefined;
  } finally {
    // Whoever serves the database holds it alone, and so keeps no such index of its log. The log itself may be theirs.
    if (!wasThere) rmSync(index, { force: true });
  }
}

function recorded(databaseFile: string): number | undefined {
  try {
    const text = readFileSync(recordOf(databaseFile), "latin1");
    return /^\d+\n$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}
