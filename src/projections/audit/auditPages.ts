import type { Codec } from "../../eventstore/codec.ts";
import type { Transaction } from "../../platform/postgres.ts";
import { type AuditContinuation, type AuditFilter, auditContinuationIn, auditCursorOf } from "./auditCursor.ts";
import { type AuditRecord, auditRecords } from "./auditReads.ts";

type Origins = Pick<Codec, "origins">;
type Asked = AuditFilter & { cursor?: string | undefined; limit: number };
type AuditPage = { records: AuditRecord[]; nextCursor: string | null };

/** AUD-05: at the same cost wherever it begins; how many there are in all nobody counts. */
export const auditPage = async (
  read: Transaction,
  codec: Origins,
  organizationId: string,
  { cursor, limit, ...given }: Asked,
): Promise<AuditPage> => {
  const after = cursor === undefined ? undefined : auditContinuationIn(cursor);
  const filter = after?.filter ?? given;
  const found = await auditRecords(read, codec, organizationId, { filter, after, limit: limit + 1 });
  const records = found.slice(0, limit);
  const last = records.at(-1);
  const nextCursor = last && found.length > limit ? auditCursorOf(behind(last, filter)) : null;
  return { records, nextCursor };
};

/** So many are in memory at once, however many there are. */
const EXPORT_PAGE = 500;

/** All that match, newest first, each page in a transaction of its own. */
export async function* allAuditRecords(
  read: <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>,
  codec: Origins,
  organizationId: string,
  filter: AuditFilter,
): AsyncGenerator<AuditRecord> {
  for (let after: AuditContinuation | undefined; ; ) {
    const asked = { filter, after, limit: EXPORT_PAGE };
    const found = await read((transaction) => auditRecords(transaction, codec, organizationId, asked));
    yield* found;
    const last = found.at(-1);
    if (!last || found.length < EXPORT_PAGE) return;
    after = behind(last, filter);
  }
}

const behind = ({ createdAt: at, id }: AuditRecord, filter: AuditFilter): AuditContinuation => ({ at, id, filter });
