import type { Log } from "../storage/log.ts";
import type { ResolveLink } from "../streams/links.ts";
import type { StreamMetadata } from "../streams/metadata.ts";
import type { Reads } from "../streams/reads.ts";
import type { Tail } from "../streams/tail.ts";
import type { Writer } from "../streams/writer.ts";

/** What all groups work with. */
export type GroupServices = {
  readonly log: Log;
  readonly reads: Reads;
  readonly metadata: StreamMetadata;
  readonly tail: Tail;
  readonly writer: Writer;
  readonly resolveLink: ResolveLink;
  /** Never goes back. */
  readonly nowMs: () => number;
  /** Told of what no caller is to blame for. */
  readonly onFailure: (error: unknown) => void;
};
