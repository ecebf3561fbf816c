import type { OpenCreditLedger } from "../../domain/credits/creditLedger.ts";
import type { LotKind } from "../../domain/credits/lots.ts";
import { query, type Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { ledgerAt } from "./present.ts";

type LotRow = {
  lot: number;
  kind: LotKind;
  priority: number;
  /** `expired`: nothing of it can be spent any more but by the holds that have reserved it. */
  status: "waiting" | "active" | "expired";
  granted: number;
  remaining: number;
  held: number;
  expired: number;
  description: string;
  effectiveAt: string | null;
  expiresAt: string | null;
  grantedAt: string;
};

/** Lots with credits in them at `now`, in the order they are spent in; then those that wait, or are held altogether. */
export const lotsOf = async (read: Transaction, workspaceId: string, now: string): Promise<LotRow[]> => {
  const ledger = await ledgerAt(read, workspaceId, now);
  if (!ledger) return [];
  const rows = await query<LotRow>(
    read,
    sql`select lot, kind, priority, status, granted, remaining, held, expired, description,
          effective_at as "effectiveAt", expires_at as "expiresAt", granted_at as "grantedAt"
        from read_model.credit_lots where workspace_id = ${workspaceId} and (remaining > 0 or held > 0)
        order by effective_at nulls first, lot`,
  );
  const place = placesIn(ledger);
  return rows
    .map((row) => presentLot(row, ledger, now))
    .filter(({ remaining, held }) => remaining > 0 || held > 0)
    .toSorted((a, b) => place(a) - place(b));
};

const placesIn = ({ lots }: OpenCreditLedger): ((row: LotRow) => number) => {
  const places = new Map(lots.map(({ lot }, index) => [lot, index]));
  return ({ lot }) => places.get(lot) ?? lots.length;
};

const presentLot = (row: LotRow, { lots, coming, holds }: OpenCreditLedger, now: string): LotRow => {
  const amountIn = (parts: readonly { lot: number; amount: number }[]) =>
    parts.reduce((sum, { lot, amount }) => (lot === row.lot ? sum + amount : sum), 0);
  const waiting = amountIn(coming);
  const remaining = waiting + amountIn(lots);
  const held = amountIn(holds.flatMap(({ parts }) => parts));
  const isExpired = row.expiresAt !== null && row.expiresAt <= now;
  const status = waiting > 0 ? "waiting" : isExpired ? "expired" : "active";
  return { ...row, status, remaining, held, expired: row.expired + row.remaining + row.held - remaining - held };
};
