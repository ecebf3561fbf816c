import { z } from "zod";
import { billingCycle } from "../domain/credits/billingCycle.ts";
import {
  balanceMax,
  type CreditLedger,
  CreditLevel,
  Credits,
  creditLedger,
  Description,
  ReferenceId,
  TransactionType,
} from "../domain/credits/creditLedger.ts";
import { command, type EventOf, type Recorded } from "../kernel/decider.ts";
import { type Rejection, reject } from "../kernel/rejection.ts";

const InLedger = z.object({ workspaceId: z.uuid() });
const inLedger = ({ workspaceId }: { workspaceId: string }): string => workspaceId;

/** A line of the ledger. `amount` is positive whatever the type; `balanceAfter` is the balance once it was written. */
export const Transaction = z.object({
  id: z.uuid(),
  type: TransactionType,
  amount: Credits,
  balanceAfter: CreditLevel,
  description: z.string(),
  referenceId: z.string().nullable(),
  createdAt: z.iso.datetime(),
});
const TransactionWritten = z.object({ transaction: Transaction, balance: CreditLevel });

/** Amounts in whole credits; the cycle is the calendar month around now, counted from the ledger's opening. */
export const Billing = z.object({
  workspaceId: z.uuid(),
  planType: z.string(),
  creditBalance: CreditLevel,
  creditLimit: CreditLevel,
  billingCycleStart: z.iso.datetime(),
  billingCycleEnd: z.iso.datetime(),
  autoRecharge: z.boolean(),
  autoRechargeThreshold: CreditLevel,
  autoRechargeAmount: CreditLevel,
});

export const OpenLedger = command(creditLedger, {
  name: "OpenLedger",
  permission: "workspace:create",
  input: InLedger.extend({ organizationId: z.uuid(), planType: z.string() }),
  output: z.null(),
  stream: inLedger,
  decide: ({ workspaceId, organizationId, planType }, ledger, { now }) =>
    ledger.status === "open"
      ? []
      : [{ type: "LedgerOpened", data: { workspaceId, organizationId, planType, creditLimit: 0, openedAt: now } }],
  answer: () => null,
});

export const AddCredits = command(creditLedger, {
  name: "AddCredits",
  permission: "billing:admin",
  input: InLedger.extend({ amount: Credits, description: Description }),
  output: TransactionWritten,
  stream: inLedger,
  decide: ({ workspaceId, amount, description }, ledger) => {
    if (ledger.status !== "open") return unopened();
    const { balance, organizationId } = ledger;
    if (amount > balanceMax - balance)
      return reject("unprocessable", "BALANCE_LIMIT_EXCEEDED", "The balance would exceed the largest exact amount.", {
        balance,
        balanceMax,
      });
    return [{ type: "CreditsPurchased", data: { workspaceId, organizationId, amount, description } }];
  },
  answer: transactionWritten,
});

/** BILL-03, BILL-04, BILL-06: funds are checked on the stream itself; a recharge is appended with its cause. */
export const DebitCredits = command(creditLedger, {
  name: "DebitCredits",
  permission: "billing:write",
  input: InLedger.extend({ amount: Credits, description: Description, referenceId: ReferenceId.optional() }),
  output: TransactionWritten,
  stream: inLedger,
  decide: ({ workspaceId, amount, description, referenceId }, ledger) => {
    if (ledger.status !== "open") return unopened();
    const { balance, organizationId, autoRecharge } = ledger;
    if (amount > balance)
      return reject("insufficient", "INSUFFICIENT_CREDITS", "The balance does not cover this debit.", {
        balance,
        required: amount,
        shortfall: amount - balance,
      });
    const inThisLedger = { workspaceId, organizationId };
    const debited = {
      type: "CreditsDebited" as const,
      data: { ...inThisLedger, amount, description, referenceId: referenceId ?? null },
    };
    if (!autoRecharge.isEnabled || balance - amount >= autoRecharge.threshold) return [debited];
    const recharged = { ...inThisLedger, amount: autoRecharge.amount, description: "Automatic recharge" };
    return [debited, { type: "CreditsRecharged", data: recharged }];
  },
  answer: transactionWritten,
});

export const ConfigureAutoRecharge = command(creditLedger, {
  name: "ConfigureAutoRecharge",
  permission: "billing:admin",
  input: InLedger.extend({ enabled: z.boolean(), threshold: CreditLevel, amount: CreditLevel }).refine(
    ({ enabled, amount }) => !enabled || amount > 0,
    { path: ["amount"], message: "must be positive while recharging is enabled" },
  ),
  output: Billing,
  stream: inLedger,
  decide: ({ workspaceId, enabled: isEnabled, threshold, amount }, ledger) => {
    if (ledger.status !== "open") return unopened();
    if (amount > balanceMax - threshold)
      return reject("invalid", "RECHARGE_TOO_LARGE", "Threshold and amount together exceed the largest exact amount.", {
        balanceMax,
      });
    const { organizationId, autoRecharge: now } = ledger;
    if (now.isEnabled === isEnabled && now.threshold === threshold && now.amount === amount) return [];
    return [{ type: "AutoRechargeConfigured", data: { workspaceId, organizationId, isEnabled, threshold, amount } }];
  },
  answer: ({ state, input: { workspaceId }, facts: { now } }) => {
    const { planType, balance, creditLimit, openedAt, autoRecharge } = open(state);
    const cycle = billingCycle(openedAt, now);
    return {
      workspaceId,
      planType,
      creditBalance: balance,
      creditLimit,
      billingCycleStart: cycle.start,
      billingCycleEnd: cycle.end,
      autoRecharge: autoRecharge.isEnabled,
      autoRechargeThreshold: autoRecharge.threshold,
      autoRechargeAmount: autoRecharge.amount,
    };
  },
});

type LedgerEvent = Recorded<EventOf<typeof creditLedger.events>>;

/** The first event is what was asked for; what follows it in the same append (a recharge) comes after its balance. */
function transactionWritten({ events, state }: { events: readonly LedgerEvent[]; state: CreditLedger }) {
  const [asked, ...after] = events;
  if (asked?.type !== "CreditsPurchased" && asked?.type !== "CreditsDebited")
    throw new Error("a transaction was answered without the event that wrote it");
  const { balance } = open(state);
  const recharged = after.reduce((sum, event) => sum + (event.type === "CreditsRecharged" ? event.data.amount : 0), 0);
  const isDebit = asked.type === "CreditsDebited";
  return {
    transaction: {
      id: asked.id,
      type: isDebit ? ("debit" as const) : ("purchase" as const),
      amount: asked.data.amount,
      balanceAfter: balance - recharged,
      description: asked.data.description,
      referenceId: isDebit ? asked.data.referenceId : null,
      createdAt: asked.metadata.occurredAt,
    },
    balance,
  };
}

const unopened = (): Rejection => reject("missing", "RESOURCE_NOT_FOUND", "There is no such workspace.");

const open = (state: CreditLedger): Extract<CreditLedger, { status: "open" }> => {
  if (state.status !== "open") throw new Error("a ledger that was written to is open");
  return state;
};
