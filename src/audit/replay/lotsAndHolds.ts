import type { OpenCreditLedger } from "../../domain/credits/creditLedger.ts";
import { totalOf } from "../../domain/credits/lots.ts";
import type { LedgerEvent } from "../../domain/credits/unfolding.ts";
import type { Recorded } from "../../kernel/decider.ts";
import type { Row } from "./differences.ts";
import { momentOf } from "./eventRows.ts";

/** What a fold does not keep of lots and holds once they are over, and read models show. */
export type LotsAndHolds = {
  /** By number: the terms each lot began with. */
  lots: Map<number, Begun>;
  /** How much of each has expired. */
  expired: Map<number, number>;
  /** By id, open or not. */
  holds: Map<string, Row & { amount: number; captured: number; status: string }>;
};
type Begun = Row & { effective_at: string | null; expires_at: string | null };

export const noLotsAndHolds = (): LotsAndHolds => ({ lots: new Map(), expired: new Map(), holds: new Map() });

/** Of the lot that an event begins. */
const kinds: { readonly [T in LedgerEvent["type"]]?: string } = {
  CreditsPurchased: "purchased",
  CreditsGranted: "promotional",
  CreditsAdjusted: "adjustment",
  CreditsRecharged: "recharge",
};

export const noteLots = ({ lots, expired }: LotsAndHolds, event: Recorded<LedgerEvent>): void => {
  const { type, data, metadata } = event;
  const begin = (lot: number, terms: Begun) => {
    const ids = { workspace_id: data.workspaceId, organization_id: data.organizationId, lot };
    lots.set(lot, { ...terms, ...ids, granted_at: metadata.occurredAt });
  };
  if (type === "CreditsExpired") expired.set(data.lot, (expired.get(data.lot) ?? 0) + data.amount);
  const kind = kinds[type];
  if (kind !== undefined && "priority" in data) {
    const { lot, priority, amount: granted, description, effectiveAt, expiresAt } = data;
    begin(lot, { kind, priority, granted, description, effective_at: effectiveAt, expires_at: expiresAt });
  }
  // Credits can come back, or over from another workspace, as a lot that begins with them.
  if (type !== "CreditsRefunded" && type !== "TransferReceived" && type !== "TransferReturned") return;
  const description = "description" in data ? data.description : data.reason;
  for (const { lot, kind, priority, amount: granted, expiresAt } of data.parts)
    if (lot !== 0 && !lots.has(lot))
      begin(lot, { kind, priority, granted, description, effective_at: null, expires_at: expiresAt });
};

export const noteHolds = ({ holds }: LotsAndHolds, event: Recorded<LedgerEvent>): void => {
  const { type, data, metadata } = event;
  const change = (holdId: string, status: string, captured = 0) => {
    const hold = holds.get(holdId);
    const ended_at = status === "open" ? null : momentOf(event);
    if (hold) holds.set(holdId, { ...hold, status, captured: hold.captured + captured, ended_at });
  };
  if (type === "HoldPlaced")
    holds.set(data.holdId, {
      workspace_id: data.workspaceId,
      organization_id: data.organizationId,
      hold_id: data.holdId,
      revision: Number(event.revision),
      status: "open",
      amount: data.amount,
      captured: 0,
      parts: data.parts,
      charges: data.charges,
      description: data.description,
      reference_id: data.referenceId,
      category: data.category,
      actor_kind: metadata.actor.kind,
      actor_id: metadata.actor.id,
      placed_at: metadata.occurredAt,
      expires_at: data.expiresAt,
      ended_at: null,
    });
  if (type === "HoldCaptured") change(data.holdId, data.isFinal ? "captured" : "open", data.amount);
  if (type === "HoldReleased") change(data.holdId, "released");
  if (type === "HoldExpired") change(data.holdId, "expired");
};

/** All lots there ever were, with what the fold has left in them. */
export const lotRows = ({ lots, coming, holds }: OpenCreditLedger, past: LotsAndHolds): Row[] => {
  const waiting = new Set(coming.map(({ lot }) => lot));
  const remaining = new Map([...lots, ...coming].map(({ lot, amount }) => [lot, amount]));
  const held = Map.groupBy(
    holds.flatMap(({ parts }) => parts),
    ({ lot }) => lot,
  );
  return [...past.lots].map(([lot, begun]) => {
    const status = waiting.has(lot) ? "waiting" : past.expired.has(lot) ? "expired" : "active";
    return {
      ...begun,
      status,
      remaining: remaining.get(lot) ?? 0,
      held: totalOf(held.get(lot) ?? []),
      expired: past.expired.get(lot) ?? 0,
    };
  });
};
