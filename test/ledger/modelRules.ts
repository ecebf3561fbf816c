import type { Actor } from "../../src/kernel/decider.ts";
import { done, later, left, nothing, type Outcome, type Rules, transaction } from "./modelAnswers.ts";
import { short, tooMuch } from "./modelFunds.ts";
import {
  type Charge,
  debitOf,
  enter,
  fill,
  type Ledger,
  overdrawn,
  type Part,
  periodOf,
  putBack,
  slice,
  spend,
  sum,
  take,
} from "./modelLedger.ts";
import { type Refused, refuse } from "./modelRefusal.ts";
import { limits, recharging } from "./modelSettings.ts";
import { endHold } from "./modelTime.ts";
import { closing, transferring } from "./modelTransfers.ts";
import type { Asked } from "./requests.ts";

const dayMs = 86_400_000;

const counts = ({ kind, id }: Actor, scope: Ledger["budgets"][number]["scope"]): boolean => {
  if (scope.kind === "workspace") return true;
  return scope.id === id && (scope.kind === "member") === (kind === "user");
};

/** The budgets something is charged to, or why it may not be spent. */
const chargesFor = (ledger: Ledger, amount: number, asked: Asked): Charge[] | Refused => {
  const tooShort = short(ledger, amount, asked.now);
  if (tooShort) return tooShort;
  const charges: Charge[] = [];
  for (const budget of ledger.budgets) {
    const { budgetId, scope, limit, period } = budget;
    if (!counts(asked.actor, scope)) continue;
    const periodStart = periodOf(budget, asked);
    const spent = budget.periodStart === periodStart ? budget.spent : 0;
    if (spent + amount > limit)
      return refuse("insufficient", "SPENDING_LIMIT_EXCEEDED", {
        ...{ budgetId, scope, period, periodStart, limit, spent, required: amount },
        shortfall: amount - Math.max(0, limit - spent),
      });
    charges.push({ budgetId, periodStart });
  }
  return charges;
};

type Terms = { priority?: number | undefined; effectiveAt?: string | undefined; expiresAt?: string | undefined };

/** Enters a lot that begins now, or will. @returns a refusal, if it cannot */
const grant = (ledger: Ledger, entry: string, kind: string, amount: number, terms: Terms, now: string) => {
  const expiresAt = terms.expiresAt ?? null;
  const effectiveAt = terms.effectiveAt ?? now;
  if (expiresAt !== null && (expiresAt <= now || expiresAt <= effectiveAt))
    return refuse("unprocessable", "EXPIRY_NOT_LATER");
  const refused = tooMuch(ledger, amount);
  if (refused) return refused;
  ledger.lotCount += 1;
  const lot: Part = { lot: ledger.lotCount, amount, kind, priority: terms.priority ?? 50, expiresAt };
  const waits = effectiveAt > now;
  if (waits) ledger.coming = [...ledger.coming, { ...lot, effectiveAt }];
  const settled = waits ? 0 : fill(ledger, lot);
  enter(ledger, entry, { amount, lot: lot.lot, settled, expiresAt, effectiveAt: waits ? effectiveAt : null });
  return undefined;
};

const planMax: Record<string, number> = { free: 0, pro: 10_000, enterprise: 10_000_000 };

const accounts: Pick<Rules, "OpenLedger" | "AdvanceLedger" | "SetCreditLimit" | "AddCredits" | "AdjustCredits"> = {
  OpenLedger(ledger, { organizationId, planType }, { now }) {
    if (ledger.isOpen) return nothing;
    Object.assign(ledger, { isOpen: true, organizationId, plan: planType, openedAt: now });
    enter(ledger, "LedgerOpened");
    return nothing;
  },
  AdvanceLedger: () => done((entries) => ({ written: entries.length })),
  SetCreditLimit(ledger, { creditLimit }) {
    const most = planMax[ledger.plan] ?? 0;
    if (creditLimit > most)
      return refuse("unprocessable", "CREDIT_LIMIT_TOO_HIGH", { planType: ledger.plan, max: most });
    const used = ledger.debt + sum(ledger.holds.map(({ parts }) => ({ amount: overdrawn(parts) })));
    if (creditLimit < used) return refuse("conflict", "CREDIT_LIMIT_IN_USE", { used });
    const refused = tooMuch(ledger, creditLimit - ledger.creditLimit);
    if (refused) return refused;
    ledger.creditLimit = creditLimit;
    enter(ledger, "CreditLimitSet", { creditLimit });
    return done((entries) => ({ creditLimit, ...left(entries) }));
  },
  AddCredits(ledger, { amount, description, referenceId = null, kind = "purchased", ...terms }, asked) {
    const entry = kind === "purchased" ? "CreditsPurchased" : "CreditsGranted";
    const refused = grant(ledger, entry, kind, amount, terms, asked.now);
    if (refused) return refused;
    const waits = terms.effectiveAt !== undefined && terms.effectiveAt > asked.now;
    const lot = ledger.lotCount;
    if (waits) return done((entries) => ({ transaction: null, lot, ...left(entries) }));
    const type = kind === "purchased" ? "purchase" : "grant";
    const said = transaction(entry, { type, sign: 1, amount, description }, asked, { referenceId });
    return done((entries) => ({ ...said(entries), lot }));
  },
  AdjustCredits(ledger, { amount, reason, referenceId = null }, asked) {
    const line = { type: "adjustment", description: reason, amount: Math.abs(amount), sign: Math.sign(amount) };
    if (amount > 0) {
      const refused = grant(ledger, "CreditsAdjusted", "adjustment", amount, {}, asked.now);
      return refused ?? done(transaction("CreditsAdjusted", line, asked, { referenceId }));
    }
    const tooShort = short(ledger, -amount, asked.now);
    if (tooShort) return tooShort;
    const parts = take(ledger, -amount);
    ledger.debt += overdrawn(parts);
    enter(ledger, "CreditsDeducted", { amount: -amount, parts });
    return done(transaction("CreditsDeducted", line, asked, { referenceId }));
  },
};

const spending: Pick<Rules, "DebitCredits" | "RefundTransaction"> = {
  DebitCredits(ledger, { amount, description, referenceId = null, category = null }, asked) {
    const charges = chargesFor(ledger, amount, asked);
    if (!Array.isArray(charges)) return charges;
    const parts = take(ledger, amount);
    ledger.debt += overdrawn(parts);
    spend(ledger, charges, amount);
    ledger.debits = [...ledger.debits, { key: asked.key, amount, parts, charges, at: asked.now }];
    enter(ledger, "CreditsDebited", { amount, parts, charges });
    return done(
      transaction("CreditsDebited", { type: "debit", sign: -1, amount, description }, asked, { referenceId, category }),
    );
  },
  RefundTransaction(ledger, { transactionId, amount: wanted, description }, asked) {
    const debit = debitOf(ledger, transactionId);
    if (!debit) return refuse("missing", "TRANSACTION_NOT_FOUND");
    const refundableUntil = later(debit.at, 180 * dayMs);
    if (asked.now > refundableUntil || refundableUntil <= ledger.refundsClosedUntil)
      return refuse("conflict", "REFUND_WINDOW_CLOSED", { refundableUntil });
    const refunded = sum(ledger.refunds.filter(({ key }) => key === debit.key));
    const refundable = debit.amount - refunded;
    const amount = wanted ?? refundable;
    if (amount === 0 || amount > refundable)
      return refuse("unprocessable", "REFUND_EXCEEDS_DEBIT", { debited: debit.amount, refunded, refundable });
    const refused = tooMuch(ledger, amount);
    if (refused) return refused;
    const back = slice(debit.parts.toReversed(), refunded, amount);
    const settled = Math.min(overdrawn(back), ledger.debt);
    const owned = overdrawn(back) - settled;
    const fresh = { lot: ledger.lotCount + 1, amount: owned, kind: "adjustment", priority: 50, expiresAt: null };
    const parts = [...back.filter(({ lot }) => lot !== 0), ...(owned > 0 ? [fresh] : [])];
    ledger.debt -= settled;
    putBack(ledger, parts);
    spend(ledger, debit.charges, -amount);
    ledger.refunds = [...ledger.refunds, { key: debit.key, amount, until: refundableUntil }];
    for (const { until } of ledger.refunds)
      if (until < asked.now && until > ledger.refundsClosedUntil) ledger.refundsClosedUntil = until;
    enter(ledger, "CreditsRefunded", { amount, parts, settled });
    return done(transaction("CreditsRefunded", { type: "refund", sign: 1, amount, description }, asked));
  },
};

const holding: Pick<Rules, "PlaceHold" | "CaptureHold" | "ReleaseHold"> = {
  PlaceHold(ledger, input, asked) {
    const { holdId: id, amount, description, referenceId = null, category = null, timeoutSeconds = 3_600 } = input;
    const charges = chargesFor(ledger, amount, asked);
    if (!Array.isArray(charges)) return charges;
    const expiresAt = later(asked.now, timeoutSeconds * 1_000);
    const parts = take(ledger, amount);
    spend(ledger, charges, amount);
    ledger.holds = [...ledger.holds, { id, parts, charges, expiresAt, description, referenceId, category }];
    enter(ledger, "HoldPlaced", { holdId: id, amount, parts, expiresAt, charges });
    const hold = { id, amount, remaining: amount, expiresAt, description, referenceId, category };
    return done((entries) => ({ hold, ...left(entries) }));
  },
  CaptureHold(ledger, { holdId, amount: wanted, final: isLast = true, ...about }, asked) {
    const hold = ledger.holds.find(({ id }) => id === holdId);
    if (!hold) return refuse("conflict", "HOLD_NOT_OPEN", { holdId });
    const reserved = sum(hold.parts);
    const amount = wanted ?? reserved;
    if (amount > reserved)
      return refuse("unprocessable", "CAPTURE_EXCEEDS_HOLD", { holdId, remaining: reserved, required: amount });
    const parts = slice(hold.parts, 0, amount);
    const rest = { ...hold, parts: slice(hold.parts, amount, reserved) };
    ledger.debt += overdrawn(parts);
    ledger.holds = ledger.holds.map((each) => (each === hold ? rest : each));
    const isFinal = isLast || amount === reserved;
    if (isFinal) endHold(ledger, rest);
    const { charges, category } = hold;
    ledger.debits = [...ledger.debits, { key: asked.key, amount, parts, charges, at: asked.now }];
    const [released, remaining] = isFinal ? [reserved - amount, 0] : [0, reserved - amount];
    enter(ledger, "HoldCaptured", { holdId, amount, parts, isFinal, remaining });
    const line = { type: "debit", sign: -1, amount, description: about.description ?? hold.description };
    const said = transaction("HoldCaptured", line, asked, {
      ...{ referenceId: about.referenceId ?? hold.referenceId, category },
    });
    return done((entries) => ({ ...said(entries), released, remaining }));
  },
  ReleaseHold(ledger, { holdId }) {
    const hold = ledger.holds.find(({ id }) => id === holdId);
    if (!hold) return refuse("conflict", "HOLD_NOT_OPEN", { holdId });
    const released = sum(hold.parts);
    endHold(ledger, hold);
    enter(ledger, "HoldReleased", { holdId, amount: released });
    return done((entries) => ({ released, ...left(entries) }));
  },
};

const all: Rules = { ...accounts, ...spending, ...holding, ...limits, ...recharging, ...transferring, ...closing };

/** Carries out what is asked on a ledger that is the caller's to change; a refusal may leave it half changed. */
export const rules = (ledger: Ledger, asked: Asked): Outcome => {
  const { command, input } = asked.request;
  // Command and input come from one union, which indexing by the one loses.
  return all[command](ledger, input as never, asked);
};
