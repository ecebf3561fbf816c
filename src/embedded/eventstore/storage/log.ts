import type { ProposedEvent, RecordedEvent } from "../event.ts";
import type { Acknowledged } from "./acknowledged.ts";
import type { Database } from "./database.ts";
import type { Durability } from "./durability.ts";
import { createHeads, type StreamHead } from "./heads.ts";
import { createPages, type Pages } from "./pages.ts";
import { integer, prepareStatements, type Statements, text } from "./statements.ts";

/** Where an event is; `stream` as in `StreamHead`. */
export type Place = { readonly stream: number; readonly revision: number; readonly position: number };

/** Where the last event went. */
export type WrittenEvents = { readonly streamId: number; readonly revision: number; readonly position: number };

export type Log = Pages & {
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
  /** The ids of the newest events, oldest first. */
  recentIds(limit: number): Iterable<{ readonly id: string; readonly position: number }>;
  /** Which place that position is, also for an event of the transaction that is under way. */
  placeAt(position: number): Place | undefined;
  close(): void;
};

/** The one append-only table of all events. Reads and writes are synchronous, so that none sees half a transaction. */
export function openLog({ sqlite, durability, acknowledged }: Database, now: () => number = Date.now): Log {
  const statements = prepareStatements(sqlite);
  const heads = createHeads(statements);
  let writtenPosition = newestPosition(statements);
  let written: RecordedEvent[] = [];
  const durable = createDurablePosition(writtenPosition, durability, acknowledged);

  const rollback = () => {
    if (sqlite.isTransaction) sqlite.exec("rollback");
    heads.clear();
    writtenPosition = newestPosition(statements);
  };

  return {
    ...createPages(statements, heads.of, () => durable.position),
    get lastPosition() {
      return durable.position;
    },
    get flushing() {
      return durable.flushing;
    },
    head: heads.of,
    write(stream, first, events) {
      const streamId = heads.of(stream).id ?? Number(statements.insertStream.run(stream).lastInsertRowid);
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
    flush: () => durable.flush(writtenPosition),
    flushNow: () => durable.flushNow(writtenPosition),
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

/** How far what was written is on the disk. */
function createDurablePosition(initial: number, durability: Durability, acknowledged: Acknowledged) {
  let position = initial;
  let flushing: Promise<void> | undefined;

  const settle = (writtenPosition: number) => {
    position = writtenPosition;
    acknowledged.record(position);
  };

  return {
    get position() {
      return position;
    },
    get flushing() {
      return flushing;
    },
    flush(writtenPosition: number): Promise<void> {
      flushing = durability.flush().then(() => {
        settle(writtenPosition);
        flushing = undefined;
      });
      return flushing;
    },
    flushNow(writtenPosition: number): void {
      durability.flushNow();
      settle(writtenPosition);
    },
  };
}

function newestPosition(statements: Statements): number {
  const position = statements.lastPosition.get()?.["position"];
  return typeof position === "number" ? position : 0;
}
