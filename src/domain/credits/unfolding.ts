import { type EventOf, fold, paired } from "../../kernel/decider.ts";
import { balanceOf, type CreditLedger, creditLedger, type OpenCreditLedger } from "./creditLedger.ts";
import type { LedgerEvents } from "./ledgerEvents.ts";

export type LedgerEvent = EventOf<LedgerEvents>;
/** What every event of a ledger says besides what is its own. */
type Common = "workspaceId" | "organizationId" | "after";
type Told<E> = E extends { type: infer T; data: infer D } ? { type: T; data: Omit<D, Common> } : never;
export type Happening = Told<Exclude<LedgerEvent, { type: "LedgerOpened" }>>;

/** A ledger with what has just happened to it. */
export type Unfolding = { ledger: OpenCreditLedger; events: readonly LedgerEvent[] };

export const unfold = (ledger: OpenCreditLedger): Unfolding => ({ ledger, events: [] });

/** One more event, with the balance right after it: that is known, and said, once it has happened. */
export const happen = ({ ledger, events }: Unfolding, { type, data }: Happening): Unfolding => {
  const { workspaceId, organizationId } = ledger;
  const said = paired<LedgerEvents>(type, { workspaceId, organizationId, ...data, after: balanceOf(ledger) });
  const next = opened(fold(creditLedger, [said], ledger));
  // The fold passes over what does not fit: what is decided does.
  if (next === ledger && type !== "TransferRefused") throw new Error(`${type} does not fit the ledger it happens to`);
  said.data.after = balanceOf(next);
  return { ledger: next, events: [...events, said] };
};

export const opened = (ledger: CreditLedger): OpenCreditLedger => {
  if (ledger.status !== "open") throw new Error("a ledger that was written to is open");
  return ledger;
};
