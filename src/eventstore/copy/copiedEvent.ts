/** An event as a store gave it: the bytes of its data and metadata are what they were when it was written. */
export type CopiedEvent = {
  stream: string;
  revision: bigint;
  id: string;
  type: string;
  isJson: boolean;
  data: Uint8Array;
  metadata: Uint8Array;
  /** When its store wrote it: 100 ns ticks since 1970. No store takes that over from another one. */
  created: string;
  /** In the `$all` of its store. */
  position: bigint;
};

const metastreamPrefix = "$$";

/** What users wrote, and what is known about their streams; not what a server keeps for itself. */
export const isCopied = (stream: string): boolean =>
  !stream.startsWith("$") || (isMetastream(stream) && !stream.startsWith("$", metastreamPrefix.length));

export const isMetastream = (stream: string): boolean => stream.startsWith(metastreamPrefix);
export const metastreamOf = (stream: string): string => metastreamPrefix + stream;
export const describedStream = (metastream: string): string => metastream.slice(metastreamPrefix.length);

const tombstoneRevision = 2n ** 63n - 1n;

/** The end of a stream that was deleted for good. The server writes it, under an id of its own. */
export const isTombstone = ({ revision }: Pick<CopiedEvent, "revision">): boolean => revision === tombstoneRevision;

/** What the greatest int64 becomes when JSON is read into a number. */
const softDeletedFrom = 2 ** 63;

/** Metadata that hides all of its stream until the stream is written to again. */
export const isSoftDeletion = ({ stream, data }: Pick<CopiedEvent, "stream" | "data">): boolean => {
  if (!isMetastream(stream)) return false;
  try {
    const metadata: unknown = JSON.parse(Buffer.from(data).toString());
    if (typeof metadata !== "object" || metadata === null || !("$tb" in metadata)) return false;
    return typeof metadata.$tb === "number" && metadata.$tb >= softDeletedFrom;
  } catch {
    return false;
  }
};

/** For people. */
export const nameOf = ({ stream, revision }: Pick<CopiedEvent, "stream" | "revision">): string =>
  isTombstone({ revision }) ? `the tombstone of ${stream}` : `revision ${revision} of ${stream}`;
