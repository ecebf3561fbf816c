import type { Actor } from "../kernel/decider.ts";

/** Who asks, when and why: everything about a command that is not its input. */
export type CommandContext = {
  /** A UUID scoped to the caller: the same one, sent again with the same input, is the same command. */
  commandId: string;
  requestId: string;
  causationId: string;
  /** ISO 8601, read once from the clock at the edge. */
  now: string;
  actor: Actor;
  organizationId: string | null;
  workspaceId: string | null;
  sessionId: string | null;
  ip: string | null;
  userAgent: string | null;
  /** If-Match: refuse with `REVISION_MISMATCH` unless the stream stands here. */
  expectedRevision?: bigint;
  /** Only to be told what would be: it is decided as ever, and neither written nor remembered. */
  dryRun?: true;
  /** What was asked for, where the input also holds what was made of it and is new each time (a hash, a token). */
  preparedFrom?: unknown;
};

/** For a workflow's steps on streams its caller has never seen: a revision expected there means nothing. */
export const unconditional = ({ expectedRevision, ...context }: CommandContext): CommandContext => context;

export type Accepted<A> = {
  answer: A;
  /** Of the last event written, or of the stream when nothing had to be written. */
  revision: bigint;
  /** Commit position of that event: a reader that has passed it sees this command's effect. */
  position: bigint;
  /** The answer was given before: nothing was written now. */
  replayed: boolean;
};
