import type { LotKind, Part } from "../../domain/credits/lots.ts";
import { accumulate, add, type Effect, each, insert, type RowChange, set, table } from "../projection.ts";
import { datedLots, type EventData, type InLedger } from "./account.ts";

/** Grants of credits and what is left of them: `remaining` can be spent, `held` is reserved by holds. */
export const lotsTable = table(
  "credit_lots",
  {
    workspace_id: "uuid",
    lot: "bigint",
    organization_id: "uuid",
    kind: "text",
    priority: "integer",
    status: "text",
    granted: "bigint",
    remaining: "bigint",
    held: "bigint",
    expired: "bigint",
    description: "text",
    effective_at: "timestamptz null",
    expires_at: "timestamptz null",
    granted_at: "timestamptz",
  },
  ["workspace_id", "lot"],
);

type Granted = EventData<"CreditsPurchased">;
type Parts = InLedger & { parts: readonly Part[] };

const keyOf = ({ workspaceId }: InLedger, lot: number) => ({ workspace_id: workspaceId, lot });

export const lotGranted =
  (kind: LotKind): Effect<Granted> =>
  (data, { metadata: { occurredAt } }) => {
    const { amount, settled, effectiveAt, expiresAt } = data;
    const row = insert(lotsTable, {
      ...keyOf(data, data.lot),
      organization_id: data.organizationId,
      kind,
      priority: data.priority,
      status: effectiveAt === null ? "active" : "waiting",
      granted: amount,
      remaining: amount - settled,
      held: 0,
      expired: 0,
      description: data.description,
      effective_at: effectiveAt,
      expires_at: expiresAt,
      granted_at: occurredAt,
    });
    return effectiveAt === null && expiresAt === null ? row : [row, datedLots(data)];
  };

export const lotActivated: Effect<EventData<"CreditsActivated">> = (data) => [
  set(lotsTable, keyOf(data, data.lot), { status: "active" }),
  add(lotsTable, keyOf(data, data.lot), { remaining: -data.settled }),
];

export const lotExpired: Effect<EventData<"CreditsExpired">> = (data) => [
  set(lotsTable, keyOf(data, data.lot), { status: "expired" }),
  add(lotsTable, keyOf(data, data.lot), { remaining: -data.amount, expired: data.amount }),
];

type Shift = (part: Part) => { remaining?: number; held?: number };

/** Lot 0 is the credit limit: there is no row to change for it. */
const changed = (data: InLedger, parts: readonly Part[], shift: Shift): RowChange[] =>
  parts.filter(({ lot }) => lot !== 0).map((part) => add(lotsTable, keyOf(data, part.lot), shift(part)));

export const drawnFromLots: Effect<Parts> = (data) =>
  changed(data, data.parts, ({ amount }) => ({ remaining: -amount }));

export const heldInLots: Effect<Parts> = (data) =>
  changed(data, data.parts, ({ amount }) => ({ remaining: -amount, held: amount }));

export const freedInLots: Effect<Parts> = (data) =>
  changed(data, data.parts, ({ amount }) => ({ remaining: amount, held: -amount }));

export const capturedFromLots: Effect<EventData<"HoldCaptured">> = each(
  (data) => changed(data, data.parts, ({ amount }) => ({ held: -amount })),
  (data, occurrence) => freedInLots({ ...data, parts: data.released }, occurrence),
);

/** Into the lots they name; one that there is not begins with what it gets. */
export const returnedToLots: Effect<Parts & { description?: string; reason?: string }> = (
  data,
  { metadata: { occurredAt } },
) => {
  const rows = data.parts
    .filter(({ lot }) => lot !== 0)
    .map(({ lot, amount, kind, priority, expiresAt }) =>
      accumulate(
        lotsTable,
        keyOf(data, lot),
        { remaining: amount },
        {
          organization_id: data.organizationId,
          kind,
          priority,
          status: "active",
          granted: amount,
          description: data.description ?? data.reason ?? "",
          effective_at: null,
          expires_at: expiresAt,
          granted_at: occurredAt,
        },
      ),
    );
  return data.parts.some(({ expiresAt }) => expiresAt !== null) ? [...rows, datedLots(data)] : rows;
};
