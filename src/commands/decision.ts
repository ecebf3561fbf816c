import {
  type Command,
  type EventDef,
  type EventDefs,
  type Facts,
  type Metadata,
  versionOf,
} from "../kernel/decider.ts";
import { derivedId, idAt } from "../kernel/ids.ts";
import { isRejection, type Rejection, reject } from "../kernel/rejection.ts";
import type { CommandContext } from "./commandContext.ts";
import type { CarriedOut } from "./commandMemory.ts";
import { jsonBytes } from "./jsonBytes.ts";

/** A command as it waits in its lane. */
export type Job = {
  command: Command;
  input: Readonly<Record<string, unknown>>;
  inputHash: string;
  context: CommandContext;
  /**
   * New each time the command comes in, and part of its events' ids: the store takes events whose ids it has for the
   * ones it has, and what was decided now, elsewhere or at another time, need not be the same.
   */
  deliveryId: string;
};

export type Draft = { id: string; type: string; data: Readonly<Record<string, unknown>>; metadata: Metadata };

/** `state` and `revision` are those of the stream once `drafts` are in it. */
export type Acceptance = {
  kind: "accepted";
  commandId: string;
  inputHash: string;
  facts: Facts;
  drafts: readonly Draft[];
  state: unknown;
  revision: bigint;
  /** About what the events take in the store. */
  bytes: number;
};

/** What becomes of a command once its batch is written. */
export type Decision =
  | { kind: "refused"; rejection: Rejection }
  | Acceptance
  /** Was to be tried only: what would be written, and where the stream stands without it. */
  | { kind: "tried"; would: Acceptance; revision: bigint }
  /** Carried out already. */
  | { kind: "repeated"; first: CarriedOut }
  /** The same as one before it in the same batch. */
  | { kind: "echoed"; first: Acceptance }
  | { kind: "failed"; error: unknown };

type Place = { stream: string; state: unknown; revision: bigint };

/** What `decide` or a schema throws is a bug in that one command: the others do not suffer for it. */
export const decisionOn = (job: Job, place: Place): Decision => {
  try {
    return decide(job, place);
  } catch (error) {
    return { kind: "failed", error };
  }
};

const decide = (job: Job, { stream, state, revision }: Place): Decision => {
  const { command, input, inputHash, context, deliveryId } = job;
  const { expectedRevision } = context;
  if (expectedRevision !== undefined && expectedRevision !== revision)
    return { kind: "refused", rejection: revisionMismatch(expectedRevision, revision) };
  const facts = factsOf(context);
  const outcome = command.decide(input, state, facts);
  if (isRejection(outcome)) return { kind: "refused", rejection: outcome };

  const { on } = command;
  const metadata = metadataIn(context, inputHash);
  let after = state;
  let at = revision;
  let bytes = 0;
  const drafts = outcome.map(({ type, data }, index): Draft => {
    const def = defOf(on.events, type);
    const checked = def.schema.parse(data);
    after = evolved(on, after, type, checked);
    at += 1n;
    bytes += storedBytes(checked, context);
    // A ledger's events are found by their ids, without anything having to be asked but the ledger.
    const id = on.ledger
      ? idAt(at, stream, context.commandId, deliveryId, index)
      : derivedId(stream, context.commandId, deliveryId, index);
    return { id, type, data: checked, metadata: metadata(versionOf(def)) };
  });
  return {
    kind: "accepted",
    commandId: context.commandId,
    inputHash,
    facts,
    drafts,
    state: after,
    revision: at,
    bytes,
  };
};

const revisionMismatch = (expected: bigint, current: bigint): Rejection =>
  reject("precondition", "REVISION_MISMATCH", "It was changed since it was read.", {
    expected: Number(expected),
    current: Number(current),
  });

const factsOf = ({ now, actor, organizationId }: CommandContext): Facts => ({ now, actor, organizationId });

const defOf = (events: EventDefs, type: string): EventDef => {
  const def = events[type];
  if (!def) throw new Error(`${type} was decided, which is no event of its stream`);
  return def;
};

export const evolved = (on: Command["on"], state: unknown, type: string, data: Draft["data"]): unknown => {
  const evolve = on.evolve[type];
  if (!evolve) throw new Error(`${on.category} does not know what ${type} changes`);
  return evolve(state, data);
};

/** Base64 makes ciphertexts a third longer, and any field may be one. */
const storedBytes = (data: Draft["data"], { userAgent }: CommandContext): number =>
  metadataBytes + Math.ceil((jsonBytes(data) + (userAgent?.length ?? 0)) * encodedRatio);
const metadataBytes = 850;
const encodedRatio = 1.4;

/** One object for all events of a command that are of the same version. */
const metadataIn = (context: CommandContext, inputHash: string): ((schemaVersion: number) => Metadata) => {
  let last: Metadata | undefined;
  return (schemaVersion) => {
    if (last?.schemaVersion !== schemaVersion) last = metadataOf(context, inputHash, schemaVersion);
    return last;
  };
};

/** Names in their order: an event's link spells it out, and what is in order is spelled at a third of the price. */
const metadataOf = (context: CommandContext, inputHash: string, schemaVersion: number): Metadata => ({
  $causationId: context.causationId,
  $correlationId: context.requestId,
  actor: { id: context.actor.id, kind: context.actor.kind },
  commandId: context.commandId,
  inputHash,
  ip: context.ip,
  occurredAt: context.now,
  orgId: context.organizationId,
  schemaVersion,
  sessionId: context.sessionId,
  userAgent: context.userAgent,
  workspaceId: context.workspaceId,
});
