import { randomUUID } from "node:crypto";
import { nextPortion } from "../commands/credits/catchUp.ts";
import type { Handler } from "../commands/handler.ts";
import { repeating } from "../eventstore/subscriber.ts";
import { isRejection } from "../kernel/rejection.ts";
import { pause } from "../platform/lease.ts";
import type { Log } from "../platform/log.ts";
import { byPages } from "./byPages.ts";
import { refusedTo } from "./causedBy.ts";

const everyMs = 1_000;
const pageLedgers = 500;

type Means = {
  handler: Pick<Handler, "handle">;
  /**
   * Ledgers in which time alone does something until `now`, as far as the read models know, by their ids. All of them
   * are seen to, one page after the other: those that stay due, whatever is done, take nobody's place.
   */
  dueLedgers: (now: string, limit: number, after: string | null) => Promise<readonly string[]>;
  now: () => string;
  log: Log;
};

/**
 * Has written what time does to ledgers nobody writes to: what takes effect, what expires, a recharge that had to wait.
 * Whether anything is due is decided on the ledger itself, so that several processes may ask for it, and a read model
 * that is behind does no harm.
 */
export const keepLedgersUp = ({ handler, dueLedgers, now, log }: Means) => {
  const advance = async (workspaceId: string): Promise<number> => {
    const requestId = randomUUID();
    const outcome = await nextPortion(handler, workspaceId, { now: now(), requestId, causationId: requestId });
    if (isRejection(outcome)) throw refusedTo("a ledger cannot be kept up", outcome);
    return outcome.answer.written;
  };

  return repeating("ledger upkeep", log, async (signal, onProgress) => {
    const failures: unknown[] = [];
    for await (const workspaceId of byPages<string>(pageLedgers, (last, size) => dueLedgers(now(), size, last))) {
      if (signal.aborted) return;
      try {
        while (!signal.aborted && (await advance(workspaceId)) > 0) onProgress();
      } catch (error) {
        failures.push(error);
      }
    }
    // Told at the end: one ledger that cannot be kept up shall hold up none of those after it.
    if (failures.length > 0) throw new AggregateError(failures, "some ledgers cannot be kept up");
    onProgress();
    await pause(everyMs, signal);
  });
};
