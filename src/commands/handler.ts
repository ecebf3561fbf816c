import type { z } from "zod";
import type { Actor, Aggregate, Command, EventDefs, EventOf, Recorded } from "../kernel/decider.ts";
import type { Rejection } from "../kernel/rejection.ts";

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
};

export type Accepted<A> = {
  answer: A;
  /** Of the last event written, or of the stream when nothing had to be written. */
  revision: bigint;
  /** Commit position of that event: a reader that has passed it sees this command's effect. */
  position: bigint;
  /** The answer was given before: nothing was written now. */
  replayed: boolean;
};

export type Handler = {
  /** Errors: `EventStoreUnavailable` when the outcome cannot be known for now; sending the command again is safe. */
  handle<I extends z.ZodObject, D extends EventDefs, S, A>(
    command: Command<I, D, S, A>,
    input: z.output<I>,
    context: CommandContext,
  ): Promise<Accepted<A> | Rejection>;
  /** Folded state, current as far as this process can know: own writes at once, others' through the subscription. */
  stateOf<D extends EventDefs, S>(
    aggregate: Aggregate<D, S>,
    id: string,
  ): Promise<{ state: S; revision: bigint; position: bigint }>;
  /** Decoded events of one stream, oldest first. Secrets are in events alone, never in states. */
  history<D extends EventDefs, S>(aggregate: Aggregate<D, S>, id: string): AsyncIterable<Recorded<EventOf<D>>>;
};
