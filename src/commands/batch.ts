import {
  type Command,
  type EventDef,
  type EventDefs,
  type Facts,
  type Metadata,
  versionOf,
} from "../kernel/decider.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection, type Rejection, reject } from "../kernel/rejection.ts";
import type { CommandContext } from "./commandContext.ts";
import type { CarriedOut } from "./commandMemory.ts";

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

/** A stream folded up to its end. */
export type Standing = { state: unknown; revision: bigint; position: bigint; chain: string };

export type Draft = { id: string; type: string; data: Readonly<Record<string, unknown>>; metadata: Metadata };

/** What becomes of a command once its batch is written. */
export type Decision =
  | { kind: "refused"; rejection: Rejection }
  | { kind: "accepted"; drafts: readonly Draft[]; state: unknown; revision: bigint; inputHash: string }
  /** Carried out already, or about to be by one before it in the same batch. */
  | { kind: "repeated" }
  | { kind: "failed"; error: unknown };

type Batch = {
  /** One for each command looked at, in their order. The commands after those did not fit. */
  decisions: readonly Decision[];
  drafts: readonly Draft[];
  state: unknown;
};

type Known = (commandId: string) => CarriedOut | undefined;
type Options = { stream: string; standing: Standing; known: Known; bytesMax: number };

/** Decides waiting commands in their order, each on the state the ones before it leave behind. */
export const decideBatch = (jobs: readonly Job[], { stream, standing, known, bytesMax }: Options): Batch => {
  const decisions: Decision[] = [];
  const drafts: Draft[] = [];
  const accepted = new Map<string, string>();
  let { state, revision } = standing;
  let bytes = 0;
  for (const job of jobs) {
    const decision = repetition(job, known, accepted) ?? decisionOn(job, stream, state, revision);
    if (decision.kind === "accepted") {
      bytes += sizeOf(decision.drafts);
      if (bytes > bytesMax && drafts.length > 0) break;
      drafts.push(...decision.drafts);
      ({ state, revision } = decision);
      if (decision.drafts.length > 0) accepted.set(job.context.commandId, job.inputHash);
    }
    decisions.push(decision);
  }
  return { decisions, drafts, state };
};

const repetition = ({ context, inputHash }: Job, known: Known, accepted: Map<string, string>): Decision | undefined => {
  const firstHash = known(context.commandId)?.inputHash ?? accepted.get(context.commandId);
  if (firstHash === undefined) return undefined;
  return firstHash === inputHash ? { kind: "repeated" } : { kind: "refused", rejection: reused };
};

const reused = reject(
  "unprocessable",
  "IDEMPOTENCY_KEY_REUSED",
  "This idempotency key was used before, for a command with other input.",
);

/** What `decide` or a schema throws is a bug in that one command: the others do not suffer for it. */
const decisionOn = (job: Job, stream: string, state: unknown, revision: bigint): Decision => {
  try {
    return decide(job, stream, state, revision);
  } catch (error) {
    return { kind: "failed", error };
  }
};

const decide = (
  { command, input, inputHash, context, deliveryId }: Job,
  stream: string,
  state: unknown,
  revision: bigint,
): Decision => {
  const { expectedRevision } = context;
  if (expectedRevision !== undefined && expectedRevision !== revision)
    return { kind: "refused", rejection: revisionMismatch(expectedRevision, revision) };
  const outcome = command.decide(input, state, factsOf(context));
  if (isRejection(outcome)) return { kind: "refused", rejection: outcome };

  let after = state;
  const drafts = outcome.map(({ type, data }, index) => {
    const def = defOf(command.on.events, type);
    const checked = def.schema.parse(data);
    after = evolved(command.on, after, type, checked);
    const id = derivedId(stream, context.commandId, deliveryId, index);
    return { id, type, data: checked, metadata: metadataOf(context, inputHash, versionOf(def)) };
  });
  return { kind: "accepted", drafts, state: after, revision: revision + BigInt(drafts.length), inputHash };
};

const revisionMismatch = (expected: bigint, current: bigint): Rejection =>
  reject("precondition", "REVISION_MISMATCH", "It was changed since it was read.", {
    expected: Number(expected),
    current: Number(current),
  });

export const factsOf = ({ now, actor, organizationId }: CommandContext): Facts => ({ now, actor, organizationId });

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

const metadataOf = (context: CommandContext, inputHash: string, schemaVersion: number): Metadata => ({
  $correlationId: context.requestId,
  $causationId: context.causationId,
  commandId: context.commandId,
  inputHash,
  actor: context.actor,
  orgId: context.organizationId,
  workspaceId: context.workspaceId,
  sessionId: context.sessionId,
  ip: context.ip,
  userAgent: context.userAgent,
  schemaVersion,
  occurredAt: context.now,
});

/** About what the events take in the store: base64 makes ciphertexts a third longer. */
const sizeOf = (drafts: readonly Draft[]): number =>
  drafts.reduce((sum, { data, metadata: { userAgent } }) => {
    const clear = JSON.stringify(data).length + (userAgent?.length ?? 0);
    return sum + metadataBytes + Math.ceil(clear * encodedRatio);
  }, 0);
const metadataBytes = 1_000;
const encodedRatio = 1.4;
