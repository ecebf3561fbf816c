import { z } from "zod";
import { linkOf } from "../chain.ts";
import { type CopiedEvent, isTombstone, nameOf } from "./copiedEvent.ts";

/** What the chain of a stream begins with, where the stream is a ledger. */
export type LedgerOf = (stream: string) => string | undefined;

export type ChainReport = {
  ledgers: number;
  /** The first event whose link is not the one its ledger's events say, in words. */
  broken: string | undefined;
};

/** Follows the hash chains of all ledgers at once, each from its first event. */
export const ledgerChains = (ledgerOf: LedgerOf): { add(event: CopiedEvent): void; report(): ChainReport } => {
  const chains = new Map<string, string>();
  let broken: string | undefined;
  return {
    add(event) {
      const first = isTombstone(event) ? undefined : ledgerOf(event.stream);
      if (first === undefined || broken !== undefined) return;
      const link = linkFrom(chains.get(event.stream) ?? first, event);
      if (link === undefined) broken = nameOf(event);
      else chains.set(event.stream, link);
    },
    report: () => ({ ledgers: chains.size, broken }),
  };
};

/** Undefined where the event does not hold it. */
const linkFrom = (previous: string, { id, type, data, metadata }: CopiedEvent): string | undefined => {
  try {
    const said = Said.parse(parsed(metadata));
    const link = linkOf(previous, { id, type, data: parsed(data), metadata: said });
    return said.chain === link ? link : undefined;
  } catch {
    return undefined;
  }
};

const Said = z.looseObject({ chain: z.string() });

const parsed = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString());
