import { z } from "zod";
import { Credits, Description, ReferenceId } from "../../domain/credits/amounts.ts";
import type { OpenCreditLedger } from "../../domain/credits/creditLedger.ts";
import { Priority, priorityDefault } from "../../domain/credits/lots.ts";
import { isRejection, reject } from "../../kernel/rejection.ts";
import { drawing } from "./funds.ts";
import { asked, InLedger, ledgerCommand, tooMuch } from "./ledgerCommand.ts";
import { TransactionWritten, transactionWritten } from "./transaction.ts";

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

/** BILL-02. Purchased credits unless told; promotional ones are spent before them. */
export const AddCredits = ledgerCommand({
  name: "AddCredits",
  permission: "billing:admin",
  input: InLedger.extend({
    amount: Credits,
    description: Description,
    referenceId: ReferenceId.optional(),
    kind: z.enum(["purchased", "promotional"]).optional(),
    ...LotTerms,
  }),
  output: TransactionWritten,
  decide: ({ amount, description, referenceId = null, kind, ...terms }, ledger, { now }) => {
    const lot = lotOf(ledger, amount, terms, now);
    if (isRejection(lot)) return lot;
    const type = kind === "promotional" ? "CreditsGranted" : "CreditsPurchased";
    return [{ type, data: { ...lot, description, referenceId } }];
  },
  answer: ({ events }) => {
    const event = asked(events, "CreditsPurchased", "CreditsGranted");
    const type = event.type === "CreditsPurchased" ? "purchase" : "grant";
    return transactionWritten(events, event, type, event.data.effectiveAt === null ? 1 : 0);
  },
});

/** A correction by hand, upwards as a lot of its own or downwards from the lots there are. */
export const AdjustCredits = ledgerCommand({
  name: "AdjustCredits",
  permission: "billing:admin",
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
