import type { Balance } from "../../domain/credits/amounts.ts";
import { balanceOf, type CreditLedger, type OpenCreditLedger } from "../../domain/credits/creditLedger.ts";
import type { Part } from "../../domain/credits/lots.ts";
import type { TransactionType } from "../../domain/credits/transactionType.ts";
import type { LedgerEvent } from "../../domain/credits/unfolding.ts";
import type { Recorded } from "../../kernel/decider.ts";
import { revisionIn } from "../../kernel/ids.ts";
import type { Row } from "./differences.ts";

/** One event, with the ledger before and after it. */
export type Step = { before: CreditLedger; event: Recorded<LedgerEvent>; after: OpenCreditLedger };

const nothing = { posted: 0, held: 0, available: 0 };
const balanceIn = (ledger: CreditLedger): Balance => (ledger.status === "open" ? balanceOf(ledger) : nothing);

/** What an event did to posted credits, as the fold has it, whatever the event itself says. */
export const changeIn = ({ before, after }: Step): number => balanceOf(after).posted - balanceIn(before).posted;

const identity = ({ event: { revision, data } }: Step): Row => ({
  workspace_id: data.workspaceId,
  organization_id: data.organizationId,
  revision: Number(revision),
});

/** A field that only some events have. */
const field = (data: LedgerEvent["data"], name: string): unknown => Reflect.get(data, name) ?? null;

/** When it happened. What time does by itself was so then, however much later it was written, and nobody did it. */
export const momentOf = ({ type, data, metadata: { occurredAt } }: Recorded<LedgerEvent>): string => {
  if (type === "CreditsActivated") return data.effectiveAt;
  return type === "CreditsExpired" || type === "HoldExpired" ? data.expiredAt : occurredAt;
};
const actorOf = ({ type, metadata }: Recorded<LedgerEvent>) =>
  type === "CreditsActivated" || type === "CreditsExpired" ? { kind: "system", id: null } : metadata.actor;

const typesOfLots: Readonly<Record<Part["kind"], TransactionType>> = {
  purchased: "purchase",
  promotional: "grant",
  adjustment: "adjustment",
  recharge: "recharge",
  overdraft: "adjustment",
};
const types: { readonly [T in LedgerEvent["type"]]?: TransactionType } = {
  CreditsPurchased: "purchase",
  CreditsGranted: "grant",
  CreditsAdjusted: "adjustment",
  CreditsRecharged: "recharge",
  CreditsExpired: "expiry",
  CreditsDebited: "debit",
  CreditsDeducted: "adjustment",
  CreditsRefunded: "refund",
  HoldCaptured: "debit",
  TransferSent: "transfer_out",
  TransferReceived: "transfer_in",
  TransferReturned: "transfer_return",
};
/** A lot that had to wait is told as it would have been at once. */
export const transactionTypeOf = ({ type, data }: LedgerEvent): TransactionType | undefined =>
  type === "CreditsActivated" ? typesOfLots[data.kind] : types[type];

/** The line of an event that changed what is posted. */
export const transactionRow = (step: Step): Row | undefined => {
  const change = changeIn(step);
  if (change === 0) return undefined;
  const { event, after } = step;
  const { data } = event;
  const { posted, held, available } = balanceOf(after);
  const debitId = field(data, "debitId");
  const actor = actorOf(event);
  return {
    ...identity(step),
    id: event.id,
    transaction_type: transactionTypeOf(event),
    change,
    balance_after: posted,
    held_after: held,
    available_after: available,
    description: field(data, "description") ?? field(data, "reason") ?? "Expired",
    reference_id: field(data, "referenceId"),
    category: field(data, "category"),
    hold_id: field(data, "holdId"),
    debit_id: debitId,
    debit_revision: typeof debitId === "string" ? revisionIn(debitId) : null,
    transfer_id: field(data, "transferId"),
    other_workspace_id: field(data, "toWorkspaceId") ?? field(data, "fromWorkspaceId"),
    actor_kind: actor.kind,
    actor_id: actor.id,
    created_at: momentOf(event),
    recorded_at: event.metadata.occurredAt,
  };
};

/** Noted also where the same is set again. */
const alwaysNoted: ReadonlySet<LedgerEvent["type"]> = new Set(["LedgerOpened", "CreditLimitSet"] as const);

/** What the ledger adds up to after an event that changed it and is no transaction. */
export const balanceRow = (step: Step): Row | undefined => {
  const { before, event, after } = step;
  const [from, to] = [balanceIn(before), balanceOf(after)];
  const isChanged = from.held !== to.held || from.available !== to.available;
  if (from.posted !== to.posted || !(isChanged || alwaysNoted.has(event.type))) return undefined;
  const times = { created_at: momentOf(event), recorded_at: event.metadata.occurredAt };
  return { ...identity(step), ...to, ...times };
};

type Alert = { kind: string; threshold?: number; credits?: number; limit?: number; budget?: string; recharge?: string };

const alertIn = ({ type, data }: LedgerEvent): Alert | undefined => {
  switch (type) {
    case "BudgetThresholdReached": {
      const { threshold, spent: credits, limit, budgetId: budget } = data;
      return { kind: "budget_threshold", threshold, credits, limit, budget };
    }
    case "LowBalanceReached":
      return { kind: "low_balance", threshold: data.threshold, credits: data.available };
    case "BalanceRecovered":
      return { kind: "balance_recovered", threshold: data.rearmAt, credits: data.available };
    case "RechargeCapReached":
      return { kind: "recharge_cap", credits: data.charged, limit: data.cap };
    case "RechargeDeclined":
      return { kind: "recharge_declined", credits: data.amount, recharge: data.rechargeId };
    case "AutoRechargeSuspended":
      return { kind: "recharge_suspended" };
    default:
      return undefined;
  }
};

export const alertRow = (step: Step): Row | undefined => {
  const alert = alertIn(step.event);
  if (!alert) return undefined;
  const { kind, threshold = null, credits = null, limit = null, budget = null, recharge = null } = alert;
  return {
    ...identity(step),
    id: step.event.id,
    ...{ kind, threshold, credits, credit_limit: limit, budget_id: budget, recharge_id: recharge },
    reason: field(step.event.data, "reason"),
    created_at: step.event.metadata.occurredAt,
  };
};
