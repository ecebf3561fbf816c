import type { RecordedEvent } from "../event.ts";
import type { StreamHead } from "./heads.ts";
import { bytes, integer, type Row, type Statements, text } from "./statements.ts";

const pageBytesMax = 128 * 1024;

export type Direction = "forwards" | "backwards";

export type Pages = {
  eventAt(stream: string, revision: number): RecordedEvent | undefined;
  /** Up to `limit` events of a stream, inclusive of `from`; fewer when they are large, and none only at the end. */
  streamPage(stream: string, from: number, direction: Direction, limit: number): RecordedEvent[];
  /** As `streamPage`, over all streams in commit order. */
  allPage(from: number, direction: Direction, limit: number): RecordedEvent[];
};

/** Neither page goes beyond the last event that is durable. */
export function createPages(
  statements: Statements,
  head: (stream: string) => StreamHead,
  lastPosition: () => number,
): Pages {
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
