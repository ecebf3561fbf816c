import { z } from "zod";
import { type Aggregate, event } from "../../kernel/decider.ts";
import { text } from "../../kernel/text.ts";

/** Whole credits, 1 to 2^53 − 1: sums are exact. */
export const Credits = z.int().positive();
/** A level on the scale of credits, 0 included. */
export const CreditLevel = z.int().nonnegative();
export const balanceMax = Number.MAX_SAFE_INTEGER;

export const Description = text(500);
export const ReferenceId = text(200);
/** One word for each way a ledger is written to (BILL-09). */
export const TransactionType = z.enum(["purchase", "debit", "recharge", "refund", "adjustment"]);
export type TransactionType = z.output<typeof TransactionType>;

const InLedger = z.object({ workspaceId: z.uuid(), organizationId: z.uuid() });

const events = {
  LedgerOpened: event(InLedger.extend({ planType: z.string(), creditLimit: CreditLevel, openedAt: z.iso.datetime() })),
  CreditsPurchased: event(InLedger.extend({ amount: Credits, description: Description })),
  CreditsDebited: event(
    InLedger.extend({ amount: Credits, description: Description, referenceId: ReferenceId.nullable() }),
  ),
  CreditsRecharged: event(InLedger.extend({ amount: Credits, description: Description })),
  AutoRechargeConfigured: event(
    InLedger.extend({ isEnabled: z.boolean(), threshold: CreditLevel, amount: CreditLevel }),
  ),
};

export type CreditLedger =
  | { status: "unopened" }
  | {
      status: "open";
      organizationId: string;
      planType: string;
      openedAt: string;
      balance: number;
      creditLimit: number;
      autoRecharge: AutoRecharge;
    };
type AutoRecharge = { isEnabled: boolean; threshold: number; amount: number };

/** A workspace's prepaid credits. Its id is the workspace's; its events carry the hash chain auditors verify. */
export const creditLedger: Aggregate<typeof events, CreditLedger> = {
  category: "credit_ledger",
  events,
  initial: { status: "unopened" },
  ledger: { foldVersion: 1 },
  evolve: {
    LedgerOpened: (_, { organizationId, planType, creditLimit, openedAt }) => ({
      status: "open",
      organizationId,
      planType,
      openedAt,
      balance: 0,
      creditLimit,
      autoRecharge: { isEnabled: false, threshold: 0, amount: 0 },
    }),
    CreditsPurchased: (ledger, { amount }) => moved(ledger, amount),
    CreditsDebited: (ledger, { amount }) => moved(ledger, -amount),
    CreditsRecharged: (ledger, { amount }) => moved(ledger, amount),
    AutoRechargeConfigured: (ledger, { isEnabled, threshold, amount }) =>
      ledger.status === "open" ? { ...ledger, autoRecharge: { isEnabled, threshold, amount } } : ledger,
  },
};

const moved = (ledger: CreditLedger, by: number): CreditLedger =>
  ledger.status === "open" ? { ...ledger, balance: ledger.balance + by } : ledger;
