import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";

export function prepareStatements(database: DatabaseSync) {
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

export type Statements = { readonly [name in keyof ReturnType<typeof prepareStatements>]: StatementSync };
export type Row = Record<string, SQLOutputValue>;

const empty = new Uint8Array();

export function integer(value: SQLOutputValue | undefined): number {
  if (typeof value !== "number") throw new TypeError(`The database holds ${typeof value} where a number belongs.`);
  return value;
}

export function text(value: SQLOutputValue | undefined): string {
  if (typeof value !== "string") throw new TypeError(`The database holds ${typeof value} where text belongs.`);
  return value;
}

export const bytes = (value: SQLOutputValue | undefined): Uint8Array => (value instanceof Uint8Array ? value : empty);
