import type { TransactionType } from "../../domain/credits/transactionType.ts";
import { revisionIn } from "../../kernel/ids.ts";
import { type Effect, insert, table } from "../projection.ts";
import type { EventData, InLedger } from "./account.ts";

/** A line is written once and never changes (BILL-08). Where it stands in the ledger is where its event does. */
export const transactionsTable = table(
  "credit_transactions",
  {
    workspace_id: "uuid",
    revision: "bigint",
    id: "uuid",
    organization_id: "uuid",
    transaction_type: "text",
    change: "bigint",
    balance_after: "bigint",
    held_after: "bigint",
    available_after: "bigint",
    description: "text",
    reference_id: "text null",
    category: "text null",
    hold_id: "uuid null",
    debit_id: "uuid null",
    debit_revision: "bigint null",
    transfer_id: "uuid null",
    other_workspace_id: "uuid null",
    actor_kind: "text",
    actor_id: "text null",
    created_at: "timestamptz",
    recorded_at: "timestamptz",
  },
  ["workspace_id", "revision"],
);

/** What events that move posted credits say about it; each says some of it. */
export type Moved = InLedger & { amount: number } & {
  readonly [N in
    | ("description" | "reason" | "referenceId" | "category" | "holdId" | "debitId" | "transferId")
    | ("fromWorkspaceId" | "toWorkspaceId" | "effectiveAt" | "expiredAt")]?: string | null;
};

const system = { kind: "system", id: null };

/** When it happened: what time does by itself is written later, and was so all the same. */
export const momentOf = ({ expiredAt, effectiveAt }: Pick<Moved, "expiredAt" | "effectiveAt">, occurredAt: string) =>
  expiredAt ?? effectiveAt ?? occurredAt;

export const line =
  (type: TransactionType, sign: 1 | -1): Effect<Moved> =>
  (moved, { id, revision, metadata: { actor, occurredAt } }) => {
    const createdAt = momentOf(moved, occurredAt);
    const { kind, id: actorId } = moved.expiredAt || moved.effectiveAt ? system : actor;
    return insert(transactionsTable, {
      workspace_id: moved.workspaceId,
      revision,
      id,
      organization_id: moved.organizationId,
      transaction_type: type,
      change: sign * moved.amount,
      balance_after: moved.after.posted,
      held_after: moved.after.held,
      available_after: moved.after.available,
      description: moved.description ?? moved.reason ?? "Expired",
      reference_id: moved.referenceId ?? null,
      category: moved.category ?? null,
      hold_id: moved.holdId ?? null,
      debit_id: moved.debitId ?? null,
      debit_revision: moved.debitId ? (revisionIn(moved.debitId) ?? null) : null,
      transfer_id: moved.transferId ?? null,
      other_workspace_id: moved.toWorkspaceId ?? moved.fromWorkspaceId ?? null,
      actor_kind: kind,
      actor_id: actorId,
      created_at: createdAt,
      recorded_at: occurredAt,
    });
  };

const typeOfLot = {
  purchased: "purchase",
  promotional: "grant",
  adjustment: "adjustment",
  recharge: "recharge",
  overdraft: "adjustment",
} as const satisfies Record<string, TransactionType>;

/** The line that a lot had to wait for is the one it would have had at once. */
export const activationLine: Effect<EventData<"CreditsActivated">> = (data, occurrence) =>
  line(typeOfLot[data.kind], 1)(data, occurrence);
