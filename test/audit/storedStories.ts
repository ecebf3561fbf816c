import type { LedgerEvent } from "../../src/domain/credits/unfolding.ts";
import { linkOf } from "../../src/eventstore/chain.ts";
import type { StoredEvent } from "../../src/eventstore/store.ts";
import type { Recorded } from "../../src/kernel/decider.ts";
import { workspaceId } from "../domain/ledgerStory.ts";

/** A story's events as its store has them, each linked to the one before. */
export const stored = (history: readonly Recorded<LedgerEvent>[]): StoredEvent[] => {
  let chain = workspaceId;
  return history.map((event) => {
    chain = linkOf(chain, event);
    return { ...event, stream: `credit_ledger-${workspaceId}`, metadata: { ...event.metadata, chain } };
  });
};

export async function* read(events: readonly StoredEvent[]): AsyncGenerator<StoredEvent> {
  yield* events;
}
