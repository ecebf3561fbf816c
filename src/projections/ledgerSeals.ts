import { ledgerSeal, type Seal } from "../domain/credits/ledgerSeal.ts";
import { type Pool, query, type Transaction } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";
import { type Page, type Paged, paged } from "./page.ts";
import { insert, projection, table } from "./projection.ts";

const sealsTable = table(
  "ledger_seals",
  {
    workspace_id: "uuid",
    revision: "bigint",
    organization_id: "uuid",
    chain: "text",
    key_id: "text",
    signature: "text",
    sealed_at: "timestamptz",
    position: "bigint",
  },
  ["workspace_id", "revision"],
);

export const ledgerSeals = projection({
  name: "ledger_seals",
  version: 1,
  tables: [sealsTable],
  of: [ledgerSeal],
  when: {
    LedgerSealed: (sealed, { position }) =>
      insert(sealsTable, {
        workspace_id: sealed.workspaceId,
        revision: sealed.revision,
        organization_id: sealed.organizationId,
        chain: sealed.chain,
        key_id: sealed.keyId,
        signature: sealed.signature,
        sealed_at: sealed.sealedAt,
        position,
      }),
  },
});

/** Newest first. */
export const sealsOf = async (read: Transaction, workspaceId: string, page: Page): Promise<Paged<Seal>> => {
  const [counted] = await query<{ total: number }>(
    read,
    sql`select count(*) as total from read_model.ledger_seals where workspace_id = ${workspaceId}`,
  );
  return paged(page, counted?.total ?? 0, () =>
    query<Seal>(
      read,
      sql`select workspace_id as "workspaceId", revision, chain, sealed_at as "sealedAt", key_id as "keyId", signature
          from read_model.ledger_seals where workspace_id = ${workspaceId}
          order by revision desc limit ${page.limit} offset ${page.offset}`,
    ),
  );
};

/** A ledger as the read models show it, with how much of it is sealed: -1 for nothing. */
type Unsealed = { workspaceId: string; revision: number; sealedRevision: number };

/** Of all tenants, as the projector sees them, those that have gone on since their last seal, by their ids. */
export const unsealedLedgers = (
  rows: Pool,
  { after, limit }: { after: string | null; limit: number },
): Promise<Unsealed[]> =>
  query(
    rows,
    sql`select b.workspace_id as "workspaceId", b.revision, coalesce(s.revision, -1)::bigint as "sealedRevision"
        from read_model.billing b
        left join lateral (
          select revision from read_model.ledger_seals
          where workspace_id = b.workspace_id order by revision desc limit 1
        ) s on true
        where (${after}::uuid is null or b.workspace_id > ${after}::uuid) and b.revision > coalesce(s.revision, -1)
        order by b.workspace_id limit ${limit}`,
  );
