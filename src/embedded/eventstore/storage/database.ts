import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Acknowledged, lossIn, lossUnopened, nothingAcknowledged, openAcknowledged } from "./acknowledged.ts";
import { type Durability, noDurability, walDurability } from "./durability.ts";

const applicationId = 0x45_46_45_53;
const schemaVersion = 1;
const lockWaitMs = 500;

const schema = `
  pragma page_size = 4096;
  create table streams (
    id integer primary key,
    name text not null unique
  ) strict;
  create table events (
    position integer primary key,
    stream integer not null,
    revision integer not null,
    id text not null,
    type text not null,
    is_json integer not null,
    created_ms integer not null,
    data blob,
    metadata blob
  ) strict;
  create unique index events_by_stream on events (stream, revision);
  pragma application_id = ${applicationId};
  pragma user_version = ${schemaVersion};
`;

/** The folder cannot be served: in use, damaged, or written by another version. The message is meant for a person. */
class DatabaseUnusableError extends Error {}

export type Database = {
  readonly sqlite: DatabaseSync;
  readonly durability: Durability;
  readonly acknowledged: Acknowledged;
};

/**
 * Opens the database of `directory`, creating it when there was none, and holds it exclusively until it is closed or
 * the process dies. Throws `DatabaseUnusableError` rather than starting anew beside damaged data.
 */
export function openDatabase(directory: string): Database {
  makeFolder(directory);
  const file = join(directory, "events.db");
  let database: DatabaseSync | undefined;
  try {
    if (!existsSync(file)) createDatabase(directory, file);
    checkHeader(file);
    refuse(lossUnopened(file));
    database = new DatabaseSync(file, { timeout: lockWaitMs });
    configure(database);
    probe(database);
    refuse(lossIn(database, file));
    return { sqlite: database, durability: walDurability(file), acknowledged: openAcknowledged(file) };
  } catch (error) {
    database?.close();
    throw asUnusable(error, file);
  }
}

function refuse(reason: string | undefined): void {
  if (reason !== undefined) throw new DatabaseUnusableError(reason);
}

function makeFolder(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw asUnusable(error, directory);
  }
}

/** A database that is in the memory of this process and nowhere else. */
export function openMemoryDatabase(): Database {
  const database = new DatabaseSync(":memory:");
  database.exec(schema);
  return { sqlite: database, durability: noDurability, acknowledged: nothingAcknowledged };
}

// The file appears under its name only when it is complete, so that an empty or half-made file always means damage.
function createDatabase(directory: string, file: string): void {
  if (existsSync(`${file}-wal`)) {
    throw new DatabaseUnusableError("it is missing although its write-ahead log is there.");
  }
  const draft = join(directory, `events.db.${process.pid}.new`);
  rmSync(draft, { force: true });
  const database = new DatabaseSync(draft);
  database.exec(schema);
  database.close();
  syncToDisk(draft);
  renameSync(draft, file);
  syncToDisk(directory);
}

function syncToDisk(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function configure(database: DatabaseSync): void {
  database.exec(`
    pragma locking_mode = exclusive;
    pragma journal_mode = wal;
    pragma synchronous = normal;
    pragma wal_autocheckpoint = 1024;
    pragma journal_size_limit = 67108864;
    pragma cache_size = -16384;
    pragma temp_store = memory;
  `);
}

/** Where SQLite's file format keeps them. */
const headerBytes = 100;
const versionOffset = 60;
const applicationIdOffset = 68;

// Looked at before SQLite opens the file, which would make a fresh database of an empty one.
function checkHeader(file: string): void {
  const header = Buffer.alloc(headerBytes);
  const descriptor = openSync(file, "r");
  try {
    readSync(descriptor, header);
  } finally {
    closeSync(descriptor);
  }
  const version = header.readUInt32BE(versionOffset);
  if (header.readUInt32BE(applicationIdOffset) !== applicationId) {
    throw new DatabaseUnusableError("it is damaged or no event store database.");
  }
  if (version !== schemaVersion) {
    throw new DatabaseUnusableError(`it has format ${version}, and this version reads ${schemaVersion}.`);
  }
}

// Touches the root of each tree and its newest leaf: cheap at any size, and enough to notice a cut-off file.
function probe(database: DatabaseSync): void {
  database.prepare("select * from events order by position desc limit 1").get();
  database
    .prepare("select * from events indexed by events_by_stream order by stream desc, revision desc limit 1")
    .get();
  database.prepare("select * from streams order by id desc limit 1").get();
}

const sqliteBusy = 5;

/** SQLite's primary result code, or undefined for errors that are not SQLite's. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}

function asUnusable(error: unknown, file: string): Error {
  const message = error instanceof Error ? error.message : String(error);
  if (sqliteCode(error) === sqliteBusy) {
    return new DatabaseUnusableError(`${file} is in use by another event store process.`);
  }
  return new DatabaseUnusableError(`${file} cannot be used: ${message}`, { cause: error });
}
