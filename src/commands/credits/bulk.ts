import { z } from "zod";
import { balanceOf, creditLedger } from "../../domain/credits/creditLedger.ts";
import { isRejection, type Rejection, reject } from "../../kernel/rejection.ts";
import { commandIdOf, IdempotencyKey } from "../commandKey.ts";
import type { Accepted, CommandContext, Handler } from "../handler.ts";
import { operation } from "../operation.ts";
import { DebitCredits } from "./debits.ts";
import { Left } from "./ledgerCommand.ts";
import { TransactionWritten } from "./transaction.ts";

/** As many as one append takes. */
const debitsMax = 500;

const { workspaceId, ...debitFields } = DebitCredits.input.shape;
const Debit = z.strictObject({ key: IdempotencyKey, ...debitFields });

const Refusal = z.object({ code: z.string(), message: z.string(), details: z.record(z.string(), z.unknown()) });
const DebitResult = z.discriminatedUnion("status", [
  TransactionWritten.extend({ key: z.string(), status: z.enum(["written", "repeated"]) }),
  z.object({ key: z.string(), status: z.literal("refused"), error: Refusal }),
]);
type DebitResult = z.output<typeof DebitResult>;

type Outcome = Accepted<z.output<typeof TransactionWritten>> | Rejection;

/**
 * Many debits in one request, in their order, each under a key of its own: the same key sent alone names the same
 * command. All or nothing means one append, which a single refusal keeps from being written.
 */
export const bulkDebit = ({ handler }: { handler: Pick<Handler, "handleAll" | "stateOf"> }) =>
  operation({
    name: "DebitCreditsInBulk",
    permission: DebitCredits.permission,
    input: z.object({
      workspaceId,
      mode: z.enum(["each", "all_or_nothing"]).default("each"),
      debits: z.array(Debit).min(1).max(debitsMax),
    }),
    output: Left.extend({
      results: z.array(DebitResult),
      written: z.int(),
      repeated: z.int(),
      refused: z.int(),
    }),
    execute: async ({ workspaceId, mode, debits }, context) => {
      if (context.expectedRevision !== undefined) return noSingleRevision;
      const items = debits.map(({ key, ...debit }) => ({
        input: { ...debit, workspaceId },
        context: { ...context, commandId: commandIdOf(callerIn(context), key) },
      }));
      const atomic = mode === "all_or_nothing";
      const outcomes = await handler.handleAll(DebitCredits, items, { atomic });
      const keys = debits.map(({ key }) => key);
      const refused = atomic ? firstRefusal(outcomes, keys) : overload(outcomes);
      if (refused) return refused;
      const standing = await standingAfter(handler, workspaceId, outcomes);
      if (isRejection(standing)) return standing;
      const results = outcomes.map((outcome, index) => resultOf(keys[index] ?? "", outcome));
      const count = (wanted: DebitResult["status"]) => results.filter(({ status }) => status === wanted).length;
      const counts = { written: count("written"), repeated: count("repeated"), refused: count("refused") };
      const { left, ...place } = standing;
      return { ...place, answer: { results, ...left, ...counts }, replayed: counts.repeated === results.length };
    },
  });

const noSingleRevision = reject(
  "invalid",
  "REVISION_NOT_EXPECTABLE",
  "Each of these debits changes the revision: none can be expected of all of them.",
);

const callerIn = ({ actor }: CommandContext): string => {
  if (actor.id === null) throw new Error("debits are somebody's");
  return actor.id;
};

/** Of the debit that was refused itself, and not on account of another. */
const firstRefusal = (outcomes: readonly Outcome[], keys: readonly string[]): Rejection | undefined => {
  const refused = outcomes.map((outcome, index) => ({ outcome, index })).filter(({ outcome }) => isRejection(outcome));
  const { outcome, index } = refused.find(({ outcome }) => !isAborted(outcome)) ?? refused[0] ?? {};
  if (index === undefined || outcome === undefined || !isRejection(outcome)) return undefined;
  if (isOfAll(outcome)) return outcome;
  return { ...outcome, details: { ...outcome.details, index, key: keys[index] } };
};

/** It is said of each of them, and is the fault of none: their size together, or who else writes to the ledger. */
const isOfAll = ({ rejected, code }: Rejection): boolean =>
  rejected === "limited" || code === "BULK_TOO_LARGE" || code === "CONTENTION";

const isAborted = (outcome: Outcome): boolean => isRejection(outcome) && outcome.code === "BULK_ABORTED";

/** What is too busy for every one of them is too busy for the request. */
const overload = (outcomes: readonly Outcome[]): Rejection | undefined => {
  const isLimited = (outcome: Outcome): outcome is Rejection => isRejection(outcome) && outcome.rejected === "limited";
  return outcomes.every(isLimited) ? outcomes[0] : undefined;
};

type Standing = { left: Left; revision: bigint; position: bigint };

/** Where the last debit written left the ledger; where it stands when none was. */
const standingAfter = async (
  { stateOf }: Pick<Handler, "stateOf">,
  workspaceId: string,
  outcomes: readonly Outcome[],
): Promise<Standing | Rejection> => {
  const last = outcomes.findLast((outcome) => !isRejection(outcome) && !outcome.replayed);
  if (last && !isRejection(last)) {
    const { balance, held, available } = last.answer;
    return { left: { balance, held, available }, revision: last.revision, position: last.position };
  }
  const { state, ...place } = await stateOf(creditLedger, workspaceId);
  if (state.status !== "open") return reject("missing", "RESOURCE_NOT_FOUND", "There is no such workspace.");
  const { posted: balance, held, available } = balanceOf(state);
  return { left: { balance, held, available }, ...place };
};

const resultOf = (key: string, outcome: Outcome): DebitResult => {
  if (!isRejection(outcome)) return { key, status: outcome.replayed ? "repeated" : "written", ...outcome.answer };
  const { code, message, details } = outcome;
  return { key, status: "refused", error: { code, message, details } };
};
