import { type Rejection, reject } from "../kernel/rejection.ts";
import type { CarriedOut } from "./commandMemory.ts";
import { type Acceptance, type Decision, type Draft, decisionOn, type Job } from "./decision.ts";

/** What a lane carries out whole or not at all: one command, an atomic group, or a group that is only to be tried. */
export type Unit = { jobs: readonly Job[]; isAtomic: boolean; isDryRun: boolean };

/** A stream folded up to its end. */
export type Standing = { state: unknown; revision: bigint; position: bigint; chain: string };

type Batch = {
  /** Of each unit looked at, in their order: one for each of its commands. The units after those did not fit. */
  decisions: readonly (readonly Decision[])[];
  drafts: readonly Draft[];
  state: unknown;
};

type Known = (commandId: string) => CarriedOut | undefined;
type Options = { stream: string; standing: Standing; known: Known; bytesMax: number };

/** Decides waiting commands in their order, each on the state the ones before it leave behind. */
export const decideBatch = (units: readonly Unit[], { stream, standing, known, bytesMax }: Options): Batch => {
  const decisions: (readonly Decision[])[] = [];
  const drafts: Draft[] = [];
  const accepted = new Map<string, Acceptance>();
  let { state, revision } = standing;
  let bytes = 0;
  for (const unit of units) {
    const ground = { stream, state, revision, known, accepted };
    const told = outcomeOf(unit, decideUnit(unit.jobs, ground), { revision, bytesMax });
    const written = told.filter(isAcceptance);
    bytes += sizeOf(written);
    if (bytes > bytesMax && drafts.length > 0) break;
    decisions.push(told);
    for (const acceptance of written) {
      ({ state, revision } = acceptance);
      drafts.push(...acceptance.drafts);
      if (acceptance.drafts.length > 0) accepted.set(acceptance.commandId, acceptance);
    }
  }
  return { decisions, drafts, state };
};

type Ground = Pick<Options, "stream" | "known"> & {
  state: unknown;
  revision: bigint;
  /** By units before it in the same batch. */
  accepted: ReadonlyMap<string, Acceptance>;
};

/** As if all that can be accepted was going to be written. */
const decideUnit = (jobs: readonly Job[], { stream, known, accepted, ...from }: Ground): Decision[] => {
  const own = new Map<string, Acceptance>();
  let { state, revision } = from;
  return jobs.map((job) => {
    const { commandId } = job.context;
    const echoed = own.get(commandId) ?? accepted.get(commandId);
    const decision = repetition(job, known(commandId), echoed) ?? decisionOn(job, { stream, state, revision });
    if (decision.kind !== "accepted") return decision;
    ({ state, revision } = decision);
    if (decision.drafts.length > 0) own.set(commandId, decision);
    return decision;
  });
};

const repetition = (
  { inputHash }: Job,
  repeated: CarriedOut | undefined,
  echoed: Acceptance | undefined,
): Decision | undefined => {
  const first = repeated ?? echoed;
  if (!first) return undefined;
  if (first.inputHash !== inputHash) return { kind: "refused", rejection: reused };
  return "kind" in first ? { kind: "echoed", first } : { kind: "repeated", first };
};

/** What becomes of the commands of a unit together. What was carried out before is told so, whatever becomes of it. */
const outcomeOf = (
  { isAtomic, isDryRun }: Unit,
  decisions: readonly Decision[],
  { revision, bytesMax }: { revision: bigint; bytesMax: number },
): readonly Decision[] => {
  if (isAtomic) {
    if (decisions.some(({ kind }) => kind === "refused" || kind === "failed")) return instead(aborted, decisions);
    if (sizeOf(decisions.filter(isAcceptance)) > bytesMax) return instead(tooLarge, decisions);
  }
  if (!isDryRun) return decisions;
  return decisions.map((decision) =>
    isAcceptance(decision) ? { kind: "tried", would: decision, revision } : decision,
  );
};

/** Of all that was to be accepted, together with what only repeats that. */
const instead = (rejection: Rejection, decisions: readonly Decision[]): readonly Decision[] =>
  decisions.map((decision) =>
    isAcceptance(decision) || (decision.kind === "echoed" && decisions.includes(decision.first))
      ? { kind: "refused", rejection }
      : decision,
  );

const isAcceptance = (decision: Decision): decision is Acceptance => decision.kind === "accepted";

const reused = reject(
  "unprocessable",
  "IDEMPOTENCY_KEY_REUSED",
  "This idempotency key was used before, for a command with other input.",
);
const aborted = reject(
  "conflict",
  "BULK_ABORTED",
  "Another command of the group was refused, so none was carried out.",
);
const tooLarge = reject("unprocessable", "BULK_TOO_LARGE", "The group is more than can be written as one.");

const sizeOf = (acceptances: readonly Acceptance[]): number => acceptances.reduce((sum, { bytes }) => sum + bytes, 0);
