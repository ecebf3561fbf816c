import { creditLedger } from "../../domain/credits/creditLedger.ts";
import { type EventStore, EventStoreUnavailable } from "../../eventstore/store.ts";
import { type Pool, readSnapshot } from "../../platform/postgres.ts";
import { projectedLedgers } from "./ledgerTables.ts";

/** Connections that break so often, with nothing coming in between, are taken for an event store that is not there. */
const disconnectsMax = 5;

/** Every ledger in the event store or in the read models. Errors: `EventStoreUnavailable`. */
export const allLedgers = async (store: Pick<EventStore, "follow">, rows: Pool): Promise<string[]> => {
  const ids = new Set(await readSnapshot(rows, projectedLedgers));
  const prefix = `${creditLedger.category}-`;
  const giveUp = new AbortController();
  let disconnects = 0;
  const onDisconnect = () => {
    disconnects += 1;
    if (disconnects === disconnectsMax) giveUp.abort(new EventStoreUnavailable("no connection"));
  };
  const { signal } = giveUp;
  for await (const item of store.follow({ after: -1n, categories: [creditLedger.category], signal, onDisconnect })) {
    disconnects = 0;
    if (item.kind === "event") ids.add(item.event.stream.slice(prefix.length));
    if (item.kind === "caughtUp") break;
  }
  signal.throwIfAborted();
  return [...ids];
};
