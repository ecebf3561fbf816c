import { ledgerSeal } from "../../domain/credits/ledgerSeal.ts";
import type { StoredEvent } from "../../eventstore/store.ts";
import type { Transaction } from "../../platform/postgres.ts";
import { type Row, unlikeRows } from "./differences.ts";
import { projectedUntil, rowsIn, sealTable } from "./ledgerTables.ts";

/** The seals that are listed against those in the stream, as far as they have been taken in. */
export const sealDifferences = async (
  read: Transaction,
  workspaceId: string,
  seals: AsyncIterable<StoredEvent>,
): Promise<string[]> => {
  const until = await projectedUntil(read, "ledger_seals");
  const should: Row[] = [];
  for await (const { data, position } of seals) if (position <= until) should.push(rowOf(data, position));
  return unlikeRows(sealTable, await rowsIn(sealTable, read, workspaceId), should);
};

const rowOf = (data: StoredEvent["data"], position: bigint): Row => {
  const seal = ledgerSeal.events.LedgerSealed.schema.parse(data);
  return {
    workspace_id: seal.workspaceId,
    organization_id: seal.organizationId,
    revision: seal.revision,
    chain: seal.chain,
    key_id: seal.keyId,
    signature: seal.signature,
    sealed_at: seal.sealedAt,
    position: Number(position),
  };
};
