import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import { LRUCache } from "lru-cache";
import type { Database } from "./database.ts";
import { noRevision, type ProposedEvent, type RecordedEvent } from "./event.ts";

const headsMax = 50_000;
/** Each reader holds a page for as long as it is slow. */
const pageBytesMax = 128 * 1024;

export type Direction = "forwards" | "backwards";

/** The last revision of a stream; the tombstone's when it is tombstoned, -1 when it has no event. */
type StreamHead = { readonly id: number | undefined; readonly revision: number };

/** Where an event is; `stream` as in `StreamHead`. */
export type Place = { readonly stream: number; readonly revision: number; readonly position: number };

/** Where the last event went. */
export type WrittenEvents = { readonly streamId: number; readonly revision: number; readonly position: number };

export type Log = {
  /** Of the last event that is durable; no page goes beyond it. */
  readonly lastPosition: number;
  /** While committed events are being made durable. Whoever begins to read waits for it, to find nothing in between. */
  readonly flushing: Promise<void> | undefined;
  head(stream: string): StreamHead;
  /** Runs `work` in one transaction and returns the events it wrote. All or nothing is kept; none is durable yet. */
  transaction(work: () => void): RecordedEvent[];
  /** Makes durable what transactions wrote: before the next one begins, and before anybody is told of it. */
  flush(): Promise<void>;
  /** The same, sooner, while everything else waits. */
  flushNow(): void;
  /** Writes events with consecutive revisions from `first`; only inside a transaction. */
  write(stream: string, first: number, events: readonly ProposedEvent[]): WrittenEvents;
  eventAt(stream: string, revision: number): RecordedEvent | undefined;
  /** Up to `limit` events of a stream, inclusive of `from`; fewer when they are large, and none only at the end. */
  streamPage(stream: string, from: number, direction: Direction, limit: number): RecordedEvent[];
  /** As `streamPage`, over all streams in commit order. */
  allPage(from: number, direction: Direction, limit: number): RecordedEvent[];
  /** The ids of the newest events, oldest first. */
  recentIds(limit: number): Iterable<{ readonly id: string; readonly position: number }>;
  /** Which place that position is, also for an event of the transaction that is under way. */
  placeAt(position: number): Place | undefined;
  close(): void;
};

/** The one append-only table of all events. Reads and writes are synchronous, so that none sees half a transaction. */
export function openLog({ sqlite, durability, acknowledged }: Database, now: () => number = Date.now): Log {
  const statements = prepare(sqlite);
  const heads = new LRUCache<string, StreamHead>({ max: headsMax });
  let writtenPosition = newestPosition(statements);
  let durablePosition = writtenPosition;
  let written: RecordedEvent[] = [];

  let flushing: Promise<void> | undefined;

  const head = (stream: string): StreamHead => {
    const cached = heads.get(stream);
    if (cached !== undefined) return cached;
    const found = findHead(statements, stream);
    heads.set(stream, found);
    return found;
  };

  const settle = () => {
    durablePosition = writtenPosition;
    acknowledged.record(durablePosition);
  };

  const rollback = () => {
    if (sqlite.isTransaction) sqlite.exec("rollback");
    heads.clear();
    writtenPosition = newestPosition(statements);
  };

  return {
    ...pagesOf(statements, head, () => durablePosition),
    get lastPosition() {
      return durablePosition;
    },
    get flushing() {
      return flushing;
    },
    head,
    write(stream, first, events) {
      const streamId = head(stream).id ?? Number(statements.insertStream.run(stream).lastInsertRowid);
      const createdMs = now();
      let revision = first - 1;
      let position = writtenPosition;
      for (const { id, type, isJson, data, metadata } of events) {
        revision += 1;
        position += 1;
        statements.insertEvent.run(position, streamId, revision, id, type, Number(isJson), createdMs, data, metadata);
        written.push({ id, type, isJson, data, metadata, position, stream, revision, createdMs });
      }
      writtenPosition = position;
      heads.set(stream, { id: streamId, revision });
      return { streamId, revision, position };
    },
    transaction(work) {
      written = [];
      try {
        statements.begin.run();
        work();
        statements.commit.run();
        return written;
      } catch (error) {
        rollback();
        throw error;
      }
    },
    flush() {
      flushing = durability.flush().then(() => {
        settle();
        flushing = undefined;
      });
      return flushing;
    },
    flushNow() {
      durability.flushNow();
      settle();
    },
    *recentIds(limit) {
      for (const row of statements.recentIds.iterate(writtenPosition - limit))
        yield { id: text(row["id"]), position: integer(row["position"]) };
    },
    placeAt(position) {
      const row = statements.place.get(position);
      if (row === undefined) return undefined;
      return { stream: integer(row["stream"]), revision: integer(row["revision"]), position };
    },
    close() {
      sqlite.close();
      durability.close();
      acknowledged.close();
    },
  };
}

function pagesOf(
  statements: Statements,
  head: (stream: string) => StreamHead,
  lastPosition: () => number,
): Pick<Log, "eventAt" | "streamPage" | "allPage"> {
  const durable = (page: RecordedEvent[]) => {
    const last = lastPosition();
    return page.some(({ position }) => position > last) ? page.filter(({ position }) => position <= last) : page;
  };
  const streamPage = (stream: string, from: number, direction: Direction, limit: number) => {
    const { id } = head(stream);
    if (id === undefined) return [];
    const statement = direction === "forwards" ? statements.streamForwards : statements.streamBackwards;
    return collect(statement.iterate(id, from, limit));
  };
  return {
    streamPage: (...range) => durable(streamPage(...range)),
    eventAt: (stream, revision) =>
      streamPage(stream, revision, "forwards", 1).find((event) => event.revision === revision),
    allPage: (from, direction, limit) =>
      direction === "forwards"
        ? durable(collect(statements.allForwards.iterate(from, limit)))
        : collect(statements.allBackwards.iterate(Math.min(from, lastPosition()), limit)),
  };
}

function prepare(database: DatabaseSync) {
  const columns = "e.position, s.name, e.revision, e.id, e.type, e.is_json, e.created_ms, e.data, e.metadata";
  const joined = `select ${columns} from events e join streams s on s.id = e.stream`;
  return {
    begin: database.prepare("begin immediate"),
    commit: database.prepare("commit"),
    insertStream: database.prepare("insert into streams (name) values (?)"),
    insertEvent: database.prepare(
      `insert into events (position, stream, revision, id, type, is_json, created_ms, data, metadata)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    streamId: database.prepare("select id from streams where name = ?"),
    streamRevision: database.prepare("select max(revision) as revision from events where stream = ?"),
    lastPosition: database.prepare("select max(position) as position from events"),
    recentIds: database.prepare("select id, position from events where position > ? order by position"),
    place: database.prepare("select stream, revision from events where position = ?"),
    streamForwards: database.prepare(`${joined} where e.stream = ? and e.revision >= ? order by e.revision limit ?`),
    streamBackwards: database.prepare(
      `${joined} where e.stream = ? and e.revision <= ? order by e.revision desc limit ?`,
    ),
    allForwards: database.prepare(`${joined} where e.position >= ? order by e.position limit ?`),
    allBackwards: database.prepare(`${joined} where e.position <= ? order by e.position desc limit ?`),
  };
}

type Statements = { readonly [name in keyof ReturnType<typeof prepare>]: StatementSync };
type Row = Record<string, SQLOutputValue>;

function newestPosition(statements: Statements): number {
  const position = statements.lastPosition.get()?.["position"];
  return typeof position === "number" ? position : 0;
}

function findHead(statements: Statements, stream: string): StreamHead {
  const id = statements.streamId.get(stream)?.["id"];
  if (typeof id !== "number") return { id: undefined, revision: noRevision };
  const revision = statements.streamRevision.get(id)?.["revision"];
  return { id, revision: typeof revision === "number" ? revision : noRevision };
}

function collect(rows: Iterable<Row>): RecordedEvent[] {
  const page: RecordedEvent[] = [];
  let bytes = 0;
  for (const row of rows) {
    const event = recordedEvent(row);
    page.push(event);
    bytes += event.data.length + event.metadata.length;
    if (bytes >= pageBytesMax) break;
  }
  return page;
}

const recordedEvent = (row: Row): RecordedEvent => ({
  position: integer(row["position"]),
  stream: text(row["name"]),
  revision: integer(row["revision"]),
  id: text(row["id"]),
  type: text(row["type"]),
  isJson: row["is_json"] === 1,
  createdMs: integer(row["created_ms"]),
  data: bytes(row["data"]),
  metadata: bytes(row["metadata"]),
});

const empty = new Uint8Array();

function integer(value: SQLOutputValue | undefined): number {
  if (typeof value !== "number") throw new TypeError(`The database holds ${typeof value} where a number belongs.`);
  return value;
}

function text(value: SQLOutputValue | undefined): string {
  if (typeof value !== "string") throw new TypeError(`The database holds ${typeof value} where text belongs.`);
  return value;
}

const bytes = (value: SQLOutputValue | undefined): Uint8Array => (value instanceof Uint8Array ? value : empty);
