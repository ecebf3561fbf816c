import { randomUUID } from "node:crypto";
import { LRUCache } from "lru-cache";
import {
  describedStream,
  isMetastream,
  metadataType,
  metastreamOf,
  noRevision,
  type ProposedEvent,
  type RecordedEvent,
  tombstoneRevision,
} from "../event.ts";
import type { Log } from "../storage/log.ts";

const metadataMax = 20_000;
/** What the greatest int64 becomes when JSON is read into a number. */
const softDeletedFrom = 2 ** 63;

/** What a stream's metadata says about which of its events are visible. */
type Retention = {
  readonly maxCount?: number;
  readonly maxAgeMs?: number;
  readonly truncateBefore?: number;
  readonly isSoftDeleted: boolean;
};

export type StreamMetadata = {
  retention(stream: string): Retention;
  hasMetadata(stream: string): boolean;
  isTombstoned(stream: string): boolean;
  /** The stream's metadata with `$tb` set to `revision` and everything else kept. */
  truncatedBefore(stream: string, revision: number): ProposedEvent;
};

const unrestricted: Retention = { isSoftDeleted: false };
/** Only the latest metadata of a stream can be read. */
const metastreamRetention: Retention = { isSoftDeleted: false, maxCount: 1 };

export function createStreamMetadata(log: Log): StreamMetadata {
  const parsed = new LRUCache<string, { readonly revision: number; readonly retention: Retention }>({
    max: metadataMax,
  });

  const latestEvent = (stream: string): RecordedEvent | undefined => {
    const metastream = metastreamOf(stream);
    return log.eventAt(metastream, log.head(metastream).revision);
  };

  return {
    retention(stream) {
      if (isMetastream(stream)) return metastreamRetention;
      const { revision } = log.head(metastreamOf(stream));
      if (revision === noRevision || revision === tombstoneRevision) return unrestricted;
      const cached = parsed.get(stream);
      if (cached?.revision === revision) return cached.retention;
      const event = latestEvent(stream);
      const retention = parseRetention(contentOf(event));
      // What is taken back leaves its revision to other metadata.
      if (event !== undefined && event.position <= log.lastPosition) parsed.set(stream, { revision, retention });
      return retention;
    },
    hasMetadata: (stream) => log.head(metastreamOf(stream)).revision !== noRevision,
    isTombstoned: (stream) =>
      log.head(stream).revision === tombstoneRevision ||
      (isMetastream(stream) && log.head(describedStream(stream)).revision === tombstoneRevision),
    truncatedBefore: (stream, revision) =>
      metadataEvent(JSON.stringify({ ...contentOf(latestEvent(stream)), $tb: revision })),
  };
}

/** The metadata that hides a stream until it is written to again. */
export const softDeletion = (): ProposedEvent => metadataEvent('{"$tb":9223372036854775807}');

const metadataEvent = (json: string): ProposedEvent => ({
  id: randomUUID(),
  type: metadataType,
  isJson: true,
  data: Buffer.from(json),
  metadata: new Uint8Array(),
});

const contentOf = (event: RecordedEvent | undefined): Record<string, unknown> =>
  event?.type === metadataType ? jsonObject(event.data) : {};

function jsonObject(data: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString());
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

// One malformed key makes all of the metadata void; a number that restricts nothing is passed over.
function parseRetention(metadata: Record<string, unknown>): Retention {
  const numbers = ["$maxCount", "$maxAge", "$tb", "$cacheControl"];
  if (numbers.some((key) => metadata[key] !== undefined && !Number.isInteger(metadata[key]))) return unrestricted;
  if (metadata["$acl"] !== undefined && !isAccessList(metadata["$acl"])) return unrestricted;
  const { $maxCount: maxCount, $maxAge: maxAge, $tb: truncateBefore } = metadata;
  const isSoftDeleted = typeof truncateBefore === "number" && truncateBefore >= softDeletedFrom;
  return {
    isSoftDeleted,
    ...(typeof maxCount === "number" && maxCount > 0 && { maxCount }),
    ...(typeof maxAge === "number" && maxAge > 0 && { maxAgeMs: maxAge * 1000 }),
    ...(typeof truncateBefore === "number" && truncateBefore >= 0 && { truncateBefore }),
  };
}

// Nothing is granted or refused by it here, but it is malformed or not for whoever reads the metadata.
const isAccessList = (acl: unknown): boolean =>
  isObject(acl) && ["$r", "$w", "$d", "$mr", "$mw"].every((key) => acl[key] === undefined || isRoles(acl[key]));

const isRoles = (roles: unknown): boolean =>
  typeof roles === "string" || (Array.isArray(roles) && roles.every((role) => typeof role === "string"));

/** The first revision of a stream that its retention lets be read. */
export function firstVisible(retention: Retention, lastRevision: number): number {
  const byCount = retention.maxCount === undefined ? 0 : lastRevision - retention.maxCount + 1;
  return Math.max(0, byCount, retention.truncateBefore ?? 0);
}
