import { z } from "zod";
import { Credits, Description, ReferenceId } from "../../domain/credits/amounts.ts";
import type { OpenCreditLedger } from "../../domain/credits/creditLedger.ts";
import { Priority, priorityDefault } from "../../domain/credits/lots.ts";
import { isRejection, reject } from "../../kernel/rejection.ts";
import { drawing } from "./funds.ts";
import { asked, InLedger, Left, ledgerCommand, left, tooMuch } from "./ledgerCommand.ts";
import { Transaction, TransactionWritten, transactionWritten } from "./transaction.ts";

/** So many lots can have something left in them at a time. */
export const lotsMax = 1_000;

const Instant = z.iso.datetime();
const LotTerms = { priority: Priority.optional(), effectiveAt: Instant.optional(), expiresAt: Instant.optional() };
type LotTerms = { priority?: number | undefined; effectiveAt?: string | undefined; expiresAt?: string | undefined };

/** A lot on these terms: what was drawn on the credit limit is paid back from it, unless its time has yet to come. */
const lotOf = (ledger: OpenCreditLedger, amount: number, terms: LotTerms, now: string) => {
  const effectiveAt = terms.effectiveAt === undefined ? now : canonicalInstant(terms.effectiveAt);
  const expiresAt = terms.expiresAt === undefined ? null : canonicalInstant(terms.expiresAt);
  if (expiresAt !== null && (expiresAt <= now || expiresAt <= effectiveAt))
    return reject("unprocessable", "EXPIRY_NOT_LATER", "Credits can only expire after now and after they take effect.");
  if (ledger.lots.length + ledger.coming.length >= lotsMax)
    return reject("conflict", "TOO_MANY_LOTS", "Too many lots have credits left in them.", { max: lotsMax });
  const waits = effectiveAt > now;
  return (
    tooMuch(ledger, amount) ?? {
      amount,
      lot: ledger.lotCount + 1,
      priority: terms.priority ?? priorityDefault,
      expiresAt,
      effectiveAt: waits ? effectiveAt : null,
      settled: waits ? 0 : Math.min(ledger.debt, amount),
    }
  );
};

/** Instants are compared as text, so all of them are written alike. */
const canonicalInstant = (instant: string): string => new Date(instant).toISOString();

/**
 * Credits that wait for their time are owned by nobody yet, so that there is no transaction before they begin: they are
 * found as the lot they are.
 */
const CreditsAdded = Left.extend({
  transaction: Transaction.nullable().describe("Null while the credits wait: it is written when they take effect"),
  lot: z.int().positive().describe("Their number among the lots of this ledger"),
});

/** BILL-02. Purchased credits unless told; promotional ones are spent before them. */
export const AddCredits = ledgerCommand({
  name: "AddCredits",
  permission: "credits:grant",
  input: InLedger.extend({
    amount: Credits,
    description: Description,
    referenceId: ReferenceId.optional(),
    kind: z.enum(["purchased", "promotional"]).optional(),
    ...LotTerms,
  }),
  output: CreditsAdded,
  decide: ({ amount, description, referenceId = null, kind, ...terms }, ledger, { now }) => {
    const lot = lotOf(ledger, amount, terms, now);
    if (isRejection(lot)) return lot;
    const type = kind === "promotional" ? "CreditsGranted" : "CreditsPurchased";
    return [{ type, data: { ...lot, description, referenceId } }];
  },
  answer: ({ events }) => {
    const event = asked(events, "CreditsPurchased", "CreditsGranted");
    const { lot, effectiveAt } = event.data;
    if (effectiveAt !== null) return { transaction: null, lot, ...left(events) };
    const type = event.type === "CreditsPurchased" ? "purchase" : "grant";
    return { ...transactionWritten(events, event, type, 1), lot };
  },
});

/** A correction by hand, upwards as a lot of its own or downwards from the lots there are. */
export const AdjustCredits = ledgerCommand({
  name: "AdjustCredits",
  permission: "credits:grant",
  input: InLedger.extend({
    amount: z.int().refine((amount) => amount !== 0, "must not be zero"),
    reason: Description,
    referenceId: ReferenceId.optional(),
  }),
  output: TransactionWritten,
  decide: ({ amount, reason: description, referenceId = null }, ledger, facts) => {
    if (amount < 0) {
      const parts = drawing(ledger, -amount, facts);
      if (isRejection(parts)) return parts;
      return [{ type: "CreditsDeducted", data: { amount: -amount, parts, description, referenceId } }];
    }
    const lot = lotOf(ledger, amount, {}, facts.now);
    return isRejection(lot) ? lot : [{ type: "CreditsAdjusted", data: { ...lot, description, referenceId } }];
  },
  answer: ({ events }) => {
    const event = asked(events, "CreditsAdjusted", "CreditsDeducted");
    return transactionWritten(events, event, "adjustment", event.type === "CreditsAdjusted" ? 1 : -1);
  },
});
