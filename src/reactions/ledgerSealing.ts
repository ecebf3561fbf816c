import { type Sealing, sealUnasked } from "../commands/credits/seals.ts";
import { repeating } from "../eventstore/subscriber.ts";
import { isRejection } from "../kernel/rejection.ts";
import { pause } from "../platform/lease.ts";
import type { Log } from "../platform/log.ts";
import { byPages } from "./byPages.ts";
import { refusedTo } from "./causedBy.ts";

/** A ledger is sealed once nobody has written to it for so long, or once so many events are without a seal. */
const quietMs = 60_000;
const unsealedMax = 1_000;
const pageLedgers = 500;

/** A ledger, with how much of it is sealed: -1 for nothing. */
type Unsealed = { workspaceId: string; sealedRevision: number };

type Means = {
  openSealing: () => Promise<Sealing>;
  /** Ledgers that have gone on since their last seal, as far as the read models know, by their ids. */
  unsealedLedgers: (page: { after: string | null; limit: number }) => Promise<readonly Unsealed[]>;
  intervalMs: number;
  now: () => string;
  log: Log;
};

/**
 * Seals from time to time all ledgers that have gone on. What is signed is read from the ledger itself, and what is
 * sealed already is not sealed again: several processes may do this, and a read model that is behind does no harm.
 */
export const sealLedgers = ({ openSealing, unsealedLedgers, intervalMs, now, log }: Means) => {
  const sealWhenDue = async (sealing: Sealing, { workspaceId, sealedRevision }: Unsealed): Promise<void> => {
    const head = await sealing.headOf(workspaceId);
    if (!head) return;
    const at = now();
    const isQuiet = Date.parse(at) - Date.parse(head.occurredAt) >= quietMs;
    if (!isQuiet && head.revision - sealedRevision <= unsealedMax) return;
    const outcome = await sealUnasked(sealing, workspaceId, at);
    if (!isRejection(outcome)) return;
    const error = refusedTo("a ledger cannot be sealed", outcome);
    if (outcome.rejected === "limited" || outcome.code === "CONTENTION") throw error;
    // The others are sealed all the same: somebody has to look at this one.
    log.error({ error, workspaceId }, "a ledger is not the one that was sealed");
  };

  return repeating("ledger sealing", log, async (signal, onProgress) => {
    const sealing = await openSealing();
    const pageAfter = (last: Unsealed | null, limit: number) =>
      unsealedLedgers({ after: last?.workspaceId ?? null, limit });
    for await (const ledger of byPages(pageLedgers, pageAfter)) {
      if (signal.aborted) return;
      await sealWhenDue(sealing, ledger);
    }
    onProgress();
    await pause(intervalMs, signal);
  });
};
