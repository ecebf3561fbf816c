import { Seal } from "../domain/credits/ledgerSeal.ts";
import type { EventStore } from "../eventstore/store.ts";
import { type ExportedLine, eventLine, ledgerStream, sealLine, sealStream } from "./ledgerLine.ts";

type Options = {
  store: Pick<EventStore, "read" | "last">;
  /** Seals where the ledger ends now; undefined where that cannot be had, and the seals there are must do. */
  seal: (workspaceId: string) => Promise<Seal | undefined>;
};

/**
 * The lines of a ledger, for `verify`: its events as far as its last seal goes, and its seals. What comes behind is
 * proven by nothing yet, and in the next export. A ledger without any seal is exported to its end.
 *
 * Errors: `EventStoreUnavailable`.
 */
export const ledgerExport = ({ store, seal }: Options) =>
  async function* (workspaceId: string): AsyncGenerator<ExportedLine> {
    await seal(workspaceId);
    const last = await store.last(sealStream(workspaceId));
    const eventsMax = last && Seal.parse(last.data).revision + 1;
    for await (const event of store.read(ledgerStream(workspaceId), 0n, eventsMax)) yield eventLine(event);
    if (!last) return;
    for await (const event of store.read(sealStream(workspaceId), 0n, Number(last.revision) + 1)) yield sealLine(event);
  };
