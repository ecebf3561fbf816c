import { type CreditLedger, creditLedger } from "../domain/credits/creditLedger.ts";
import type { LedgerEvent } from "../domain/credits/unfolding.ts";
import { linkOf } from "../eventstore/chain.ts";
import { eventCodec } from "../eventstore/codec.ts";
import type { StoredEvent } from "../eventstore/store.ts";
import { fold, type Recorded } from "../kernel/decider.ts";
import { budgetBreach } from "./budgetRules.ts";
import { type EventIndex, eventIndex } from "./eventIndex.ts";
import { type IdSet, idSet } from "./idSet.ts";
import { breachOf } from "./ledgerRules.ts";
import { refundableOf, refundBreach } from "./refundRules.ts";

/** Ledgers hold no personal data, so whoever has their events can read all of them: no key is asked for. */
const noKeys = (): never => {
  throw new Error("a ledger's events hold no personal data");
};
const codec = eventCodec({
  keysToRead: async (subjects) => (subjects.length > 0 ? noKeys() : new Map()),
  keysToWrite: noKeys,
});

export type Recomputation = {
  ledger(): CreditLedger;
  /** The last link. */
  chain(): string;
  /** The next event. @returns it decoded, or what is wrong with it, in words: then nothing after it counts */
  add(event: StoredEvent): Promise<Recorded<LedgerEvent> | string>;
};

/** What the fold forgets of a ledger, in as much memory whatever its length. */
type Memory = Disposable & {
  index: EventIndex;
  /** Transfers of other ledgers that were received or refused here. */
  decided: IdSet;
};

export const newMemory = (): Memory => {
  const [index, decided] = [eventIndex(), idSet()];
  return {
    index,
    decided,
    [Symbol.dispose]: () => {
      decided[Symbol.dispose]();
      index[Symbol.dispose]();
    },
  };
};

/** Follows a ledger from its first event: its chain, its fold, and what no event may do. */
export const recomputation = (first: string, { index, decided }: Memory): Recomputation => {
  let ledger: CreditLedger = creditLedger.initial;
  let chain = first;
  const pastBreach = (before: CreditLedger, event: Recorded<LedgerEvent>): string | undefined => {
    if (before.status !== "open") return undefined;
    if (event.type !== "TransferReceived" && event.type !== "TransferRefused")
      return budgetBreach(before, event) ?? refundBreach(index, before, event);
    const { transferId } = event.data;
    return decided.add(transferId) ? undefined : `transfer ${transferId} was received or refused before`;
  };
  return {
    ledger: () => ledger,
    chain: () => chain,
    async add(stored) {
      const revision = index.revision() + 1;
      const link = linked(chain, stored);
      // Gone on with only when the chain holds: what was tampered with may be nothing that can be decoded.
      if (stored.revision !== BigInt(revision) || link === undefined || stored.metadata.chain !== link)
        return `The chain is broken at revision ${revision}.`;
      chain = link;
      const wrong = (what: string) => `The event at revision ${revision} cannot be: ${what}.`;
      const event = await decoded(stored);
      if (!event) return wrong(`it is not what ${stored.type} looks like, as far as this version of Everfold knows`);
      const before = ledger;
      const after = folded(before, event);
      if (typeof after === "string") return wrong(after);
      ledger = after;
      const breach = breachOf(before, event, after) ?? pastBreach(before, event);
      if (breach !== undefined) return wrong(breach);
      index.add({ id: event.id, chain, ...refundableOf(event) });
      return event;
    },
  };
};

const linked = (previous: string, event: StoredEvent): string | undefined => {
  try {
    return linkOf(previous, event);
  } catch {
    return undefined;
  }
};

const decoded = async (stored: StoredEvent): Promise<Recorded<LedgerEvent> | undefined> => {
  try {
    const [event] = await codec.decode(creditLedger.events, [stored]);
    return event;
  } catch {
    return undefined;
  }
};

/** A history may be anything: whatever comes of an event is said of that event. */
const folded = (before: CreditLedger, event: LedgerEvent): CreditLedger | string => {
  try {
    return fold(creditLedger, [event], before);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};
