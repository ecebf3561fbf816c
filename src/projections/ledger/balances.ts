import { type Effect, insert, table } from "../projection.ts";
import type { InLedger } from "./account.ts";
import { momentOf } from "./transactions.ts";

/** What a ledger added up to after events that changed it and are no transactions: with those, its whole course. */
export const balancesTable = table(
  "credit_balances",
  {
    workspace_id: "uuid",
    revision: "bigint",
    organization_id: "uuid",
    posted: "bigint",
    held: "bigint",
    available: "bigint",
    created_at: "timestamptz",
    recorded_at: "timestamptz",
  },
  ["workspace_id", "revision"],
);

export const balanceNoted: Effect<InLedger & { expiredAt?: string }> = (data, { revision, metadata: { occurredAt } }) =>
  insert(balancesTable, {
    workspace_id: data.workspaceId,
    revision,
    organization_id: data.organizationId,
    ...data.after,
    created_at: momentOf(data, occurredAt),
    recorded_at: occurredAt,
  });
