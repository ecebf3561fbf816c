import { query, type Transaction } from "../../platform/postgres.ts";
import { type Sql, sql } from "../../platform/sql.ts";
import { type Page, type Paged, paged } from "../page.ts";

type HoldStatus = "open" | "captured" | "released" | "expired";

type HoldRow = {
  id: string;
  status: HoldStatus;
  amount: number;
  captured: number;
  /** What it still reserves. */
  remaining: number;
  description: string;
  referenceId: string | null;
  category: string | null;
  placedBy: { kind: string; id: string | null };
  placedAt: string;
  expiresAt: string;
  endedAt: string | null;
};

/** Newest first. A hold that has expired is not open, also before that is written: then it is in neither list. */
export const holdsOf = async (
  read: Transaction,
  workspaceId: string,
  { status, now, ...page }: Page & { status: HoldStatus; now: string },
): Promise<Paged<HoldRow>> => {
  const which = status === "open" ? sql`status = 'open' and expires_at > ${now}` : sql`status = ${status}`;
  const total = await (status === "open" ? openCount(read, workspaceId, now) : endedCount(read, workspaceId, status));
  return paged(page, total, () =>
    holdRows(
      read,
      now,
      sql`workspace_id = ${workspaceId} and ${which} order by revision desc limit ${page.limit} offset ${page.offset}`,
    ),
  );
};

export const holdOf = async (
  read: Transaction,
  workspaceId: string,
  holdId: string,
  now: string,
): Promise<HoldRow | undefined> =>
  (await holdRows(read, now, sql`workspace_id = ${workspaceId} and hold_id = ${holdId}`))[0];

type Stored = Omit<HoldRow, "remaining" | "placedBy"> & { actorKind: string; actorId: string | null };

const holdRows = async (read: Transaction, now: string, which: Sql): Promise<HoldRow[]> => {
  const rows = await query<Stored>(
    read,
    sql`select hold_id as id, status, amount, captured, description, reference_id as "referenceId", category,
          actor_kind as "actorKind", actor_id as "actorId", placed_at as "placedAt", expires_at as "expiresAt",
          ended_at as "endedAt"
        from read_model.credit_holds where ${which}`,
  );
  return rows.map((row) => presentHold(row, now));
};

const presentHold = ({ actorKind, actorId, ...stored }: Stored, now: string): HoldRow => {
  const placedBy = { kind: actorKind, id: actorId };
  if (stored.status !== "open") return { ...stored, remaining: 0, placedBy };
  const { amount, captured, expiresAt } = stored;
  if (expiresAt <= now) return { ...stored, status: "expired", remaining: 0, endedAt: expiresAt, placedBy };
  return { ...stored, remaining: amount - captured, placedBy };
};

const openCount = async (read: Transaction, workspaceId: string, now: string): Promise<number> => {
  const [counted] = await query<{ total: number }>(
    read,
    sql`select count(*) as total from read_model.credit_holds
        where workspace_id = ${workspaceId} and status = 'open' and expires_at > ${now}`,
  );
  return counted?.total ?? 0;
};

/** There may be millions of these, and the ledger's row has counted them. */
const endedCount = async (
  read: Transaction,
  workspaceId: string,
  status: Exclude<HoldStatus, "open">,
): Promise<number> => {
  const [counts] = await query<Record<typeof status, number>>(
    read,
    sql`select holds_captured as captured, holds_released as released, holds_expired as expired
        from read_model.billing where workspace_id = ${workspaceId}`,
  );
  return counts?.[status] ?? 0;
};
