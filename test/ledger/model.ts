import { isDeepStrictEqual } from "node:util";
import { debitOf, type Entry, type Ledger } from "./modelLedger.ts";
import { refuse } from "./modelRefusal.ts";
import { rules } from "./modelRules.ts";
import { letTimePass, tellConsequences } from "./modelTime.ts";
import { windsUp } from "./modelTransfers.ts";
import type { Asked, Told } from "./requests.ts";

/** What a command that has written something is recognised by, and answered with again. */
type Done = { request: Asked["request"]; told: Extract<Told, { kind: "accepted" }> };
export type Model = { ledger: Ledger; done: ReadonlyMap<string, Done> };

export const newModel = (ledger: Ledger): Model => ({ ledger, done: new Map() });

type Step = { model: Model; told: Told[]; entries: Entry[] };

/** One command, or an atomic group of them, or a group that is only to be tried: each as a serial history has it. */
export const ask = (model: Model, items: readonly Asked[], isAtomic = false): Step => {
  const step = items.reduce<Step>(
    (before, asked) => {
      const { told, model: after, entries } = askOne(before.model, asked);
      return { model: after, told: [...before.told, told], entries: [...before.entries, ...entries] };
    },
    { model, told: [], entries: [] },
  );
  const isDryRun = items.some(({ dryRun }) => dryRun);
  if (isAtomic && step.told.some(({ kind }) => kind === "refused"))
    return {
      model,
      told: step.told.map((told, index) => abortedUnless(told, model.done.has(items[index]?.key ?? ""))),
      entries: [],
    };
  if (!isDryRun) return step;
  return { model, told: step.told.map((told) => triedOn(told, model)), entries: [] };
};

const aborted = refuse("conflict", "BULK_ABORTED");
const abortedUnless = (told: Told, wasDoneBefore: boolean): Told =>
  told.kind === "refused" || wasDoneBefore ? told : aborted;

/** What was only tried has no place of its own. */
const triedOn = (told: Told, { ledger }: Model): Told =>
  told.kind === "refused" || told.replayed ? told : { ...told, revision: ledger.written - 1 };

const askOne = (model: Model, asked: Asked): { model: Model; told: Told; entries: Entry[] } => {
  const { key, request, expectedRevision } = asked;
  const { ledger, done } = model;
  const unchanged = (told: Told) => ({ model, told, entries: [] });
  if (request.command === "RefundTransaction" && !debitOf(ledger, request.input.transactionId))
    return unchanged(refuse("missing", "TRANSACTION_NOT_FOUND"));

  const before = done.get(key);
  if (before)
    return unchanged(
      isDeepStrictEqual(before.request, request)
        ? { ...before.told, replayed: true }
        : refuse("unprocessable", "IDEMPOTENCY_KEY_REUSED"),
    );
  if (expectedRevision !== undefined && expectedRevision !== ledger.written - 1)
    return unchanged(
      refuse("precondition", "REVISION_MISMATCH", { expected: expectedRevision, current: ledger.written - 1 }),
    );

  const { now } = asked;
  const draft: Ledger = { ...ledger, entries: [] };
  if (request.command !== "OpenLedger" && !ledger.isOpen) return unchanged(refuse("missing", "RESOURCE_NOT_FOUND"));
  if (ledger.isClosed && !windsUp.has(request.command)) return unchanged(refuse("conflict", "LEDGER_CLOSED"));
  if (request.command !== "OpenLedger") letTimePass(draft, now);
  const outcome = rules(draft, asked);
  if (outcome.kind === "refused") return unchanged(outcome);
  if (request.command !== "OpenLedger") {
    letTimePass(draft, now);
    tellConsequences(draft, now);
  }
  const { entries } = draft;
  const told = {
    kind: "accepted" as const,
    answer: outcome.answer(entries),
    replayed: false,
    revision: draft.written - 1,
  };
  const after = { ...draft, entries: [] };
  if (entries.length === 0) return unchanged(told);
  return { model: { ledger: after, done: new Map([...done, [key, { request, told }]]) }, told, entries };
};
