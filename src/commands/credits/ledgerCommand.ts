import { z } from "zod";
import { balanceMax, CreditLevel } from "../../domain/credits/amounts.ts";
import { withConsequences } from "../../domain/credits/consequences.ts";
import { balanceOf, creditLedger, type OpenCreditLedger, roomIn } from "../../domain/credits/creditLedger.ts";
import { dueMax, isBehind, letTimePass } from "../../domain/credits/due.ts";
import type { LedgerEvents } from "../../domain/credits/ledgerEvents.ts";
import { type Happening, happen, type LedgerEvent, unfold } from "../../domain/credits/unfolding.ts";
import { type Command, command, type Facts, type Recorded } from "../../kernel/decider.ts";
import { isRejection, type Rejection, reject } from "../../kernel/rejection.ts";

export const InLedger = z.object({ workspaceId: z.uuid() });

/** What every answer to a write says: where it left the ledger. `balance` is what is posted. */
export const Left = z.object({ balance: z.int(), held: CreditLevel, available: CreditLevel });
export type Left = z.output<typeof Left>;

type Told<I> = { events: readonly Recorded<LedgerEvent>[]; input: I; facts: Facts };

type Definition<I extends z.ZodObject, A> = {
  name: string;
  permission: string;
  input: I;
  output: z.ZodType<A>;
  /** On the ledger as it is at `facts.now`: what time does by itself has been done. */
  decide: (input: z.output<I>, ledger: OpenCreditLedger, facts: Facts) => readonly Happening[] | Rejection;
  /** From the command's own events alone, so that it is answered again at the same cost however long the ledger is. */
  answer: (told: Told<z.output<I>>) => A;
  /** It is there to write what is due: as much of it as there may be in one append. */
  catchesUp?: true;
  /** It brings to its end what is under way: also when the ledger is closed. */
  windsUp?: true;
};

/**
 * A command on an open ledger. What is written, in one append: what became due until now, what was asked for, what
 * became due by that, and what follows from it.
 */
export const ledgerCommand = <I extends z.ZodObject, A>(
  definition: Definition<I, A>,
): Command<I, LedgerEvents, typeof creditLedger.initial, A> =>
  command(creditLedger, {
    ...definition,
    stream: ({ workspaceId }) => String(workspaceId),
    decide: (input, ledger, facts) => {
      if (ledger.status !== "open") return unopened;
      if (ledger.isClosed && !definition.windsUp) return closed;
      const present = letTimePass(unfold(ledger), facts.now, dueMax);
      if (!definition.catchesUp && isBehind(present.ledger, facts.now)) return catchingUp;
      const outcome = definition.decide(input, present.ledger, facts);
      if (isRejection(outcome)) return outcome;
      return withConsequences(letTimePass(outcome.reduce(happen, present), facts.now, dueMax), facts.now).events;
    },
    answer: ({ events, input, facts }) => definition.answer({ events, input, facts }),
  });

const catchingUpCode = "LEDGER_CATCHING_UP";
/** Thousands of holds or lots that end together are written down in portions, before anything else is decided. */
const catchingUp = reject(
  "limited",
  catchingUpCode,
  "More has become due in this ledger than is written at once. Please try again shortly.",
);
export const isCatchingUp = (outcome: object | undefined): boolean =>
  outcome !== undefined && isRejection(outcome) && outcome.code === catchingUpCode;

const closed = reject("conflict", "LEDGER_CLOSED", "This ledger is closed, since its workspace was deleted.");
const unopened = reject("missing", "RESOURCE_NOT_FOUND", "There is no such workspace.");

type EventOfType<T extends LedgerEvent["type"]> = Extract<Recorded<LedgerEvent>, { type: T }>;

/** The event the command was for, among what came before and after it. */
export const asked = <T extends LedgerEvent["type"]>(
  events: readonly Recorded<LedgerEvent>[],
  ...types: readonly T[]
): EventOfType<T> => {
  const isAsked = (event: Recorded<LedgerEvent>): event is EventOfType<T> => types.some((type) => type === event.type);
  const found = events.find(isAsked);
  if (!found) throw new Error(`a command was answered without its ${types.join(" or ")}`);
  return found;
};

export const left = (events: readonly Recorded<LedgerEvent>[]): Left => {
  const last = events.at(-1);
  if (!last) throw new Error("a command was answered that wrote nothing");
  const { posted, held, available } = last.data.after;
  return { balance: posted, held, available };
};

/** Whether so much more can be owned: sums stay exact. */
export const tooMuch = (ledger: OpenCreditLedger, more: number): Rejection | undefined => {
  if (more <= roomIn(ledger)) return undefined;
  const balance = balanceOf(ledger).posted;
  return reject("unprocessable", "BALANCE_LIMIT_EXCEEDED", "The balance would exceed the largest exact amount.", {
    balance,
    balanceMax,
  });
};
