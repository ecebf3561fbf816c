import { add, type Effect, each, insert, set, table } from "../projection.ts";
import { counted, type EventData } from "./account.ts";

/** `parts` and `charges` are as they were when it was placed: captures take from the first parts on. */
export const holdsTable = table(
  "credit_holds",
  {
    workspace_id: "uuid",
    hold_id: "uuid",
    organization_id: "uuid",
    revision: "bigint",
    status: "text",
    amount: "bigint",
    captured: "bigint",
    parts: "jsonb",
    charges: "jsonb",
    description: "text",
    reference_id: "text null",
    category: "text null",
    actor_kind: "text",
    actor_id: "text null",
    placed_at: "timestamptz",
    expires_at: "timestamptz",
    ended_at: "timestamptz null",
  },
  ["workspace_id", "hold_id"],
);

export const holdPlaced: Effect<EventData<"HoldPlaced">> = (data, { revision, metadata: { actor, occurredAt } }) =>
  insert(holdsTable, {
    workspace_id: data.workspaceId,
    hold_id: data.holdId,
    organization_id: data.organizationId,
    revision,
    status: "open",
    amount: data.amount,
    captured: 0,
    parts: JSON.stringify(data.parts),
    charges: JSON.stringify(data.charges),
    description: data.description,
    reference_id: data.referenceId,
    category: data.category,
    actor_kind: actor.kind,
    actor_id: actor.id,
    placed_at: occurredAt,
    expires_at: data.expiresAt,
    ended_at: null,
  });

type OfHold = EventData<"HoldCaptured" | "HoldReleased" | "HoldExpired">;

const keyOf = ({ workspaceId, holdId }: OfHold) => ({ workspace_id: workspaceId, hold_id: holdId });

const ended =
  <D extends OfHold>(status: "captured" | "released" | "expired", endOf?: (data: D) => string): Effect<D> =>
  (data, { metadata: { occurredAt } }) =>
    set(holdsTable, keyOf(data), { status, ended_at: endOf?.(data) ?? occurredAt });

const wasCaptured = each<OfHold>(ended("captured"), counted("holds_captured"));

export const holdCaptured: Effect<EventData<"HoldCaptured">> = each(
  (data) => add(holdsTable, keyOf(data), { captured: data.amount }),
  (data, occurrence) => (data.isFinal ? wasCaptured(data, occurrence) : []),
);
export const holdReleased = each<EventData<"HoldReleased">>(ended("released"), counted("holds_released"));
export const holdExpired = each<EventData<"HoldExpired">>(
  ended("expired", ({ expiredAt }) => expiredAt),
  counted("holds_expired"),
);
