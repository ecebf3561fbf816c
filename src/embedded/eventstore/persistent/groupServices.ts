import type { ResolveLink } from "../links.ts";
import type { Log } from "../log.ts";
import type { StreamMetadata } from "../metadata.ts";
import type { Reads } from "../reads.ts";
import type { Tail } from "../tail.ts";
import type { Writer } from "../writer.ts";

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
