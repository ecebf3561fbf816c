import { z } from "zod";
import type { OpenCreditLedger } from "../../domain/credits/creditLedger.ts";
import { LotKind } from "../../domain/credits/lots.ts";
import { query, type Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { ledgerAt } from "./present.ts";

const Instant = z.iso.datetime();

export const Lot = z.object({
  lot: z.int(),
  kind: LotKind,
  priority: z.int(),
  status: z.enum(["waiting", "active", "expired"]),
  granted: z.int(),
  remaining: z.int(),
  held: z.int().describe("Reserved by holds, which can spend it whatever becomes of the lot"),
  expired: z.int(),
  description: z.string(),
  effectiveAt: Instant.nullable(),
  expiresAt: Instant.nullable(),
  grantedAt: Instant,
});
type Lot = z.output<typeof Lot>;

/** Lots with credits in them at `now`, in the order they are spent in; then those that wait, or are held altogether. */
export const lotsOf = async (read: Transaction, workspaceId: string, now: string): Promise<Lot[]> => {
  const ledger = await ledgerAt(read, workspaceId, now);
  if (!ledger) return [];
  const rows = await query<Lot>(
    read,
    sql`select lot, kind, priority, status, granted, remaining, held, expired, description,
          effective_at as "effectiveAt", expires_at as "expiresAt", granted_at as "grantedAt"
        from read_model.credit_lots where workspace_id = ${workspaceId} and not is_empty
        order by effective_at nulls first, lot`,
  );
  const place = placesIn(ledger);
  return rows
    .map((row) => presentLot(row, ledger, now))
    .filter(({ remaining, held }) => remaining > 0 || held > 0)
    .toSorted((a, b) => place(a) - place(b));
};

const placesIn = ({ lots }: OpenCreditLedger): ((row: Lot) => number) => {
  const places = new Map(lots.map(({ lot }, index) => [lot, index]));
  return ({ lot }) => places.get(lot) ?? lots.length;
};

const presentLot = (row: Lot, { lots, coming, holds }: OpenCreditLedger, now: string): Lot => {
  const amountIn = (parts: readonly { lot: number; amount: number }[]) =>
    parts.reduce((sum, { lot, amount }) => (lot === row.lot ? sum + amount : sum), 0);
  const waiting = amountIn(coming);
  const remaining = waiting + amountIn(lots);
  const held = amountIn(holds.flatMap(({ parts }) => parts));
  const isExpired = row.expiresAt !== null && row.expiresAt <= now;
  const status = waiting > 0 ? "waiting" : isExpired ? "expired" : "active";
  return { ...row, status, remaining, held, expired: row.expired + row.remaining + row.held - remaining - held };
};
