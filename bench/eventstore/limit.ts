import { randomUUID } from "node:crypto";
import { openDatabase } from "../../src/embedded/eventstore/storage/database.ts";
import { type AppendLoad, debit } from "./appends.ts";

/** The same rows through SQLite alone: what the disk and the database leave to a server above them. */
export type Limit = {
  /** Events per second, durable, when each commit takes what all callers could have waiting at once. */
  append(load: AppendLoad): number;
  /** Events per second of a read of every row, in commit order. */
  readAll(): number;
  /** Milliseconds from a row to its being durable, sorted. */
  commits(count: number): number[];
  close(): void;
};

const noMetadata = new Uint8Array();

/** A database in `directory` with the server's own schema and settings. */
export const openLimit = (directory: string): Limit => {
  const { sqlite, durability } = openDatabase(directory);
  const begin = sqlite.prepare("begin immediate");
  const commit = sqlite.prepare("commit");
  const addStream = sqlite.prepare("insert into streams (name) values (?)");
  const addEvent = sqlite.prepare(
    `insert into events (position, stream, revision, id, type, is_json, created_ms, data, metadata)
     values (?, ?, ?, ?, ?, 1, ?, ?, ?)`,
  );
  let position = 0;

  const openStreams = (count: number) =>
    Array.from({ length: count }, () => ({
      id: addStream.run(randomUUID()).lastInsertRowid,
      revision: -1,
    }));

  const insert = (stream: { id: number | bigint; revision: number }): void => {
    position += 1;
    stream.revision += 1;
    const { type, data } = debit(position);
    const body = Buffer.from(JSON.stringify(data));
    addEvent.run(position, stream.id, stream.revision, randomUUID(), type, Date.now(), body, noMetadata);
  };

  return {
    append({ callers, batch, appends }) {
      const streams = openStreams(callers);
      const begun = performance.now();
      for (let sent = 0; sent < appends; sent += callers) {
        begin.run();
        for (const stream of streams) for (let event = 0; event < batch; event += 1) insert(stream);
        commit.run();
        durability.flushNow();
      }
      return ((appends * batch) / (performance.now() - begun)) * 1_000;
    },
    readAll() {
      const begun = performance.now();
      const rows = sqlite.prepare(
        "select e.*, s.name from events e join streams s on s.id = e.stream order by position",
      );
      let events = 0;
      for (const _ of rows.iterate()) events += 1;
      return (events / (performance.now() - begun)) * 1_000;
    },
    commits(count) {
      const [stream] = openStreams(1);
      if (stream === undefined) return [];
      const latencies = Array.from({ length: count }, () => {
        const begun = performance.now();
        begin.run();
        insert(stream);
        commit.run();
        durability.flushNow();
        return performance.now() - begun;
      });
      return latencies.sort((a, b) => a - b);
    },
    close() {
      sqlite.close();
      durability.close();
    },
  };
};
