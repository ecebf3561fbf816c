import { z } from "zod";
import { event } from "../../kernel/decider.ts";
import { Balance, Category, CreditLevel, Credits, Description, ReferenceId } from "./amounts.ts";
import { AlertThresholds, BudgetPeriod, BudgetScope, Charge } from "./budget.ts";
import { Part, PartKind, Priority } from "./lots.ts";
import { PlanType } from "./plans.ts";
import { RechargeSettings } from "./recharge.ts";

const Instant = z.iso.datetime();
/** Every event says what the ledger adds up to right after it. */
const InLedger = z.object({ workspaceId: z.uuid(), organizationId: z.uuid(), after: Balance });
const Movement = InLedger.extend({ amount: Credits });

/** A new lot. Of its amount, `settled` pays back what was drawn on the credit limit before; none while it waits. */
const Granted = Movement.extend({
  lot: CreditLevel,
  priority: Priority,
  effectiveAt: Instant.nullable(),
  expiresAt: Instant.nullable(),
  settled: CreditLevel,
  description: Description,
  referenceId: ReferenceId.nullable(),
});
/** Credits that leave, with the lots they leave from. */
const Drawn = Movement.extend({
  parts: z.array(Part),
  description: Description,
  referenceId: ReferenceId.nullable(),
});
const Spent = Drawn.extend({ category: Category.nullable(), charges: z.array(Charge) });

/** Storage format: never renamed, only upcast. */
export const ledgerEvents = {
  LedgerOpened: event(InLedger.extend({ planType: PlanType, creditLimit: CreditLevel, openedAt: Instant })),
  /** For good: what is under way comes to its end, and nothing new begins. */
  LedgerClosed: event(InLedger),
  CreditLimitSet: event(InLedger.extend({ creditLimit: CreditLevel })),

  CreditsPurchased: event(Granted),
  CreditsGranted: event(Granted),
  CreditsAdjusted: event(Granted),
  CreditsRecharged: event(Granted.extend({ rechargeId: z.uuid() })),
  /** A lot that had to wait for its time. */
  CreditsActivated: event(
    Movement.extend({
      lot: CreditLevel,
      kind: PartKind,
      settled: CreditLevel,
      effectiveAt: Instant,
      description: Description,
      referenceId: ReferenceId.nullable(),
    }),
  ),
  CreditsExpired: event(Movement.extend({ lot: CreditLevel, kind: PartKind, expiredAt: Instant })),

  CreditsDebited: event(Spent),
  /** An adjustment downwards. */
  CreditsDeducted: event(Drawn),
  /** `debitId`: the transaction given back, in whole or in part, to the lots it came from. */
  CreditsRefunded: event(
    Movement.extend({
      debitId: z.uuid(),
      parts: z.array(Part),
      settled: CreditLevel,
      charges: z.array(Charge),
      refundableUntil: Instant,
      refundedAt: Instant,
      description: Description,
    }),
  ),

  HoldPlaced: event(Spent.extend({ holdId: z.uuid(), expiresAt: Instant })),
  /** Spends some of a hold. `released` is what a last capture gives back of the rest, else it is `remaining`. */
  HoldCaptured: event(
    Spent.extend({ holdId: z.uuid(), released: z.array(Part), remaining: CreditLevel, isFinal: z.boolean() }),
  ),
  HoldReleased: event(Movement.extend({ holdId: z.uuid(), parts: z.array(Part) })),
  HoldExpired: event(Movement.extend({ holdId: z.uuid(), parts: z.array(Part), expiredAt: Instant })),

  TransferSent: event(Drawn.extend({ transferId: z.uuid(), toWorkspaceId: z.uuid() })),
  TransferReceived: event(
    Movement.extend({
      transferId: z.uuid(),
      fromWorkspaceId: z.uuid(),
      /** As new lots here, on the terms they had there. */
      parts: z.array(Part),
      settled: CreditLevel,
      description: Description,
    }),
  ),
  TransferRefused: event(InLedger.extend({ transferId: z.uuid(), fromWorkspaceId: z.uuid(), reason: z.string() })),
  TransferCompleted: event(InLedger.extend({ transferId: z.uuid() })),
  TransferReturned: event(
    Movement.extend({ transferId: z.uuid(), parts: z.array(Part), settled: CreditLevel, reason: z.string() }),
  ),

  AutoRechargeConfigured: event(InLedger.extend(RechargeSettings.shape)),
  RechargeRequested: event(
    InLedger.extend({
      rechargeId: z.uuid(),
      amount: Credits,
      /** Without the credit limit: below zero by what is drawn or held of it. */
      available: z.int(),
      requestedAt: Instant,
      periodStart: Instant,
    }),
  ),
  RechargeDeclined: event(
    InLedger.extend({ rechargeId: z.uuid(), amount: Credits, reason: z.string(), failures: Credits, retryAt: Instant }),
  ),
  AutoRechargeSuspended: event(InLedger.extend({ reason: z.string(), failures: Credits })),
  RechargeCapReached: event(InLedger.extend({ periodStart: Instant, charged: CreditLevel, cap: CreditLevel })),

  BudgetSet: event(
    InLedger.extend({
      budgetId: z.uuid(),
      scope: BudgetScope,
      limit: CreditLevel,
      period: BudgetPeriod,
      alertsAt: AlertThresholds,
    }),
  ),
  BudgetRemoved: event(InLedger.extend({ budgetId: z.uuid() })),
  BudgetThresholdReached: event(
    InLedger.extend({
      budgetId: z.uuid(),
      threshold: Credits,
      periodStart: Instant,
      spent: CreditLevel,
      limit: CreditLevel,
    }),
  ),
  /** Without a threshold nothing is told. It is told again only once `rearmAt` was reached in between. */
  BalanceAlertConfigured: event(InLedger.extend({ threshold: CreditLevel.nullable(), rearmAt: CreditLevel })),
  /** `available` here and below is without the credit limit. */
  LowBalanceReached: event(InLedger.extend({ threshold: CreditLevel, available: z.int() })),
  BalanceRecovered: event(InLedger.extend({ rearmAt: CreditLevel, available: CreditLevel })),
};
export type LedgerEvents = typeof ledgerEvents;
