import fc from "fast-check";
import { AddCredits, ConfigureAutoRecharge, DebitCredits } from "../../src/commands/credits.ts";
import { balanceMax, type CreditLedger, creditLedger } from "../../src/domain/credits/creditLedger.ts";
import { type EventOf, fold } from "../../src/kernel/decider.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { facts, id } from "../spec.ts";

export type LedgerEvent = EventOf<typeof creditLedger.events>;

export const workspaceId = id("wonderland");
export const inLedger = { workspaceId, organizationId: id("acme") };

export const opened: LedgerEvent = {
  type: "LedgerOpened",
  data: { ...inLedger, planType: "free", creditLimit: 0, openedAt: "2026-01-31T12:00:00.000Z" },
};
export const purchased = (amount: number): LedgerEvent => ({
  type: "CreditsPurchased",
  data: { ...inLedger, amount, description: "Top-up" },
});
export const debited = (amount: number, referenceId: string | null = null): LedgerEvent => ({
  type: "CreditsDebited",
  data: { ...inLedger, amount, description: "Enrichment", referenceId },
});
export const recharged = (amount: number): LedgerEvent => ({
  type: "CreditsRecharged",
  data: { ...inLedger, amount, description: "Automatic recharge" },
});
export const autoRecharge = (threshold: number, amount: number, isEnabled = true): LedgerEvent => ({
  type: "AutoRechargeConfigured",
  data: { ...inLedger, isEnabled, threshold, amount },
});

export const purchase = (amount: number) => ({ workspaceId, amount, description: "Top-up" });
export const debit = (amount: number) => ({ workspaceId, amount, description: "Enrichment" });
export const configure = (threshold: number, amount: number, enabled = true) => ({
  workspaceId,
  enabled,
  threshold,
  amount,
});

/** Amounts small enough to meet each other, and some at the very edge. */
const amount = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 200 }) },
  { weight: 1, arbitrary: fc.integer({ min: balanceMax - 200, max: balanceMax }) },
);
/** What may be asked of an open ledger, one after the other. */
export const requests = fc.array(
  fc.oneof(
    fc.record({ command: fc.constant("AddCredits" as const), input: amount.map(purchase) }),
    fc.record({ command: fc.constant("DebitCredits" as const), input: amount.map(debit) }),
    fc.record({
      command: fc.constant("ConfigureAutoRecharge" as const),
      input: fc.tuple(amount, amount, fc.boolean()).map((settings) => configure(...settings)),
    }),
  ),
  { maxLength: 40 },
);
export type Request = typeof requests extends fc.Arbitrary<(infer R)[]> ? R : never;

const decide = (state: CreditLedger, { command, input }: Request) => {
  if (command === "AddCredits") return AddCredits.decide(input, state, facts);
  if (command === "DebitCredits") return DebitCredits.decide(input, state, facts);
  return ConfigureAutoRecharge.decide(input, state, facts);
};

/** Asks one after the other and tells every step: the state before, what was decided, the state after. */
export const steps = (asked: readonly Request[]) => {
  let before = fold(creditLedger, [opened]);
  return asked.map((one) => {
    const decision = decide(before, one);
    const events = isRejection(decision) ? [] : decision;
    const after = fold(creditLedger, events, before);
    const step = { asked: one, before, decision, events, after };
    before = after;
    return step;
  });
};
export const balanceOf = (state: CreditLedger): number => (state.status === "open" ? state.balance : Number.NaN);
