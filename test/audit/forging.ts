import { verify } from "../../src/audit/verify.ts";
import type { Balance } from "../../src/domain/credits/amounts.ts";
import { balanceOf, creditLedger } from "../../src/domain/credits/creditLedger.ts";
import type { Part } from "../../src/domain/credits/lots.ts";
import { type Happening, type LedgerEvent, opened } from "../../src/domain/credits/unfolding.ts";
import { linkOf } from "../../src/eventstore/chain.ts";
import { linesOf } from "../../src/eventstore/textLines.ts";
import { fold } from "../../src/kernel/decider.ts";
import { idAt } from "../../src/kernel/ids.ts";
import { id } from "../spec.ts";
import { systemMetadata } from "../support/metadata.ts";

export const now = "2026-03-01T09:00:00.000Z";
const workspaceId = id("wonderland");
export const inLedger = { workspaceId, organizationId: id("acme"), after: { posted: 0, held: 0, available: 0 } };
export const opening: LedgerEvent = {
  type: "LedgerOpened",
  data: { ...inLedger, planType: "free", creditLimit: 0, openedAt: now },
};
/** Every event says of itself what the fold gives, whatever else is wrong with it. */
export const history = (...happened: readonly Happening[]): LedgerEvent[] => {
  const events: LedgerEvent[] = [opening];
  let ledger = fold(creditLedger, events);
  for (const { type, data } of happened) {
    // Type and data came in as one of the events' own pairs, which spreading loses.
    const said = (after: Balance) => ({ type, data: { ...inLedger, ...data, after } }) as LedgerEvent;
    ledger = fold(creditLedger, [said(inLedger.after)], ledger);
    events.push(said(balanceOf(opened(ledger))));
  }
  return events;
};
export const idOf = (revision: number): string => idAt(BigInt(revision), workspaceId);

/** As whoever can write to the store, and knows how links are made, would have it exported. */
async function* exported(events: readonly LedgerEvent[]): AsyncGenerator<Buffer> {
  let chain = workspaceId;
  for (const [revision, { type, data }] of events.entries()) {
    const event = { id: idOf(revision), type, data, metadata: systemMetadata({ occurredAt: now }) };
    chain = linkOf(chain, event);
    const line = { revision: String(revision), ...event, metadata: { ...event.metadata, chain } };
    yield Buffer.from(`${JSON.stringify(line)}\n`);
  }
}
export const reportOn = async (events: readonly LedgerEvent[]): Promise<string> =>
  (await verify(linesOf(exported(events)), undefined)).report;

const text = { description: "Enrich", referenceId: null };
export const lotOne = (amount: number): Part => ({ lot: 1, amount, kind: "purchased", priority: 50, expiresAt: null });
export const later = "2026-03-01T10:00:00.000Z";
type Terms = { effectiveAt?: string; expiresAt?: string };
export const bought = (amount: number, lot = 1, terms: Terms = {}): Happening => ({
  type: "CreditsPurchased",
  data: { amount, lot, priority: 50, effectiveAt: null, expiresAt: null, settled: 0, ...text, ...terms },
});
export const activated = (amount: number, effectiveAt: string): Happening => ({
  type: "CreditsActivated",
  data: { lot: 1, amount, kind: "purchased", effectiveAt, settled: 0, ...text },
});
export const expired = (amount: number, expiredAt = now): Happening => ({
  type: "CreditsExpired",
  data: { lot: 1, amount, kind: "purchased", expiredAt },
});
const spent = { ...text, category: null, charges: [] };
/** In the month of all these events, and of everybody. */
export const budgetId = id("budget");
const inBudget = [{ budgetId, periodStart: "2026-03-01T00:00:00.000Z" }];
export const budgeted = (limit: number): Happening => ({
  type: "BudgetSet",
  data: { budgetId, scope: { kind: "workspace" }, limit, period: "month", alertsAt: [] },
});
/** The same, and it counts in the budget. */
export const charged = (happening: Happening, charges = inBudget): Happening =>
  ({ ...happening, data: { ...happening.data, charges } }) as Happening;
export const debited = (amount: number, parts = [lotOne(amount)]): Happening => ({
  type: "CreditsDebited",
  data: { amount, parts, ...spent },
});
export const holdId = id("hold");
export const held = (amount: number, which = "", expiresAt = later): Happening => ({
  type: "HoldPlaced",
  data: {
    holdId: id(`hold${which}`),
    amount,
    parts: [lotOne(amount)],
    expiresAt,
    ...spent,
  },
});
export const captured = (amount: number, released: Part[], isFinal = true): Happening => ({
  type: "HoldCaptured",
  data: { holdId, amount, parts: [lotOne(amount)], released, remaining: 0, isFinal, ...spent },
});
export const released = (amount: number): Happening => ({
  type: "HoldReleased",
  data: { holdId, amount, parts: [lotOne(amount)] },
});
export const holdExpired = (amount: number, expiredAt: string): Happening => ({
  type: "HoldExpired",
  data: { holdId, amount, parts: [lotOne(amount)], expiredAt },
});
const transferId = id("transfer");
const fromWorkspaceId = id("elsewhere");
export const sent = (amount: number): Happening => ({
  type: "TransferSent",
  data: { transferId, toWorkspaceId: id("elsewhere"), amount, parts: [lotOne(amount)], ...text },
});
export const returned = (amount: number, parts = [lotOne(amount)]): Happening => ({
  type: "TransferReturned",
  data: { transferId, amount, parts, settled: 0, reason: "TOO_MANY_LOTS" },
});
export const received = (amount: number, lot: number): Happening => ({
  type: "TransferReceived",
  data: { transferId, fromWorkspaceId, amount, parts: [{ ...lotOne(amount), lot }], settled: 0, description: "Over" },
});
export const refusing = (refused: string): Happening => ({
  type: "TransferRefused",
  data: { transferId: refused, fromWorkspaceId, reason: "TOO_MANY_LOTS" },
});
export const refusedTransfer = refusing(transferId);
export const closed: Happening = { type: "LedgerClosed", data: {} };
export const refunded = (amount: number, debitId: string, parts = [lotOne(amount)]): Happening => ({
  type: "CreditsRefunded",
  data: {
    ...{ debitId, amount, parts, settled: 0, charges: [], description: "Not found" },
    ...{ refundableUntil: "2026-09-01T09:00:00.000Z", refundedAt: now },
  },
});

/** A history with other data in one of its events. */
export const altered = (
  events: LedgerEvent[],
  at: number,
  change: (data: LedgerEvent["data"]) => object,
): LedgerEvent[] =>
  events.map((event, index) =>
    index === at ? ({ ...event, data: { ...event.data, ...change(event.data) } } as LedgerEvent) : event,
  );
