/** What a caller asks to have stored. */
export type ProposedEvent = {
  readonly id: string;
  readonly type: string;
  readonly isJson: boolean;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
};

/** What is stored. Revisions and positions are plain numbers: 2^53 events fit no disk. */
export type RecordedEvent = ProposedEvent & {
  readonly position: number;
  readonly stream: string;
  readonly revision: number;
  readonly createdMs: number;
};

export type ExpectedRevision = number | "any" | "no_stream" | "stream_exists";

/** The revision of the event that ends a tombstoned stream; on the wire it is the greatest int64. */
export const tombstoneRevision = Number.MAX_SAFE_INTEGER;
export const noRevision = -1;

export const tombstoneType = "$streamDeleted";
export const metadataType = "$metadata";
export const linkType = "$>";

const metastreamPrefix = "$$";

export const metastreamOf = (stream: string): string => metastreamPrefix + stream;

export const isMetastream = (stream: string): boolean => stream.startsWith(metastreamPrefix);

/** The stream that a metastream describes. */
export const describedStream = (metastream: string): string => metastream.slice(metastreamPrefix.length);

export const sizeBytes = (event: ProposedEvent): number =>
  event.data.length + event.metadata.length + event.type.length * 2;
