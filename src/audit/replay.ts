import { balanceOf, type CreditLedger, creditLedger, type OpenCreditLedger } from "../domain/credits/creditLedger.ts";
import { type EventStore, EventStoreUnavailable, type StoredEvent } from "../eventstore/store.ts";
import { type Pool, readAsTenant, type Transaction } from "../platform/postgres.ts";
import { unlike, unlikeRows } from "./differences.ts";
import { eventIndex } from "./eventIndex.ts";
import {
  type BalanceRow,
  type BudgetRow,
  balanceRows,
  budgetRows,
  type HoldRow,
  holdRows,
  type LedgerRow,
  type LotRow,
  ledgerRow,
  lotRows,
  projectedLedgers,
  spentRows,
} from "./readModel.ts";
import { recomputation } from "./recomputation.ts";
import { budgetsShould, ledgerShould, lotsShould, noPast, note, type Past, spentKey } from "./replayedLedger.ts";

type Ledger = {
  workspaceId: string;
  /** From the first one on. */
  events: AsyncIterable<StoredEvent>;
  /** Of a role that sees the rows of all tenants. */
  rows: Pool;
};
/** `difference`: a sentence for people. */
type Replayed = { events: number; differences: string[] };

/**
 * Adds a ledger up anew from its events, and compares what comes out with what every event says and with the rows in
 * the read models, as of the event these have come to.
 */
export const replayLedger = ({ workspaceId, events, rows }: Ledger): Promise<Replayed> =>
  readAsTenant(rows, {}, async (read) => {
    using index = eventIndex();
    const row = await ledgerRow(read, workspaceId);
    const balances = balancesOf(balanceRows(read, workspaceId), row?.revision ?? -1);
    const { add, ledger } = recomputation(workspaceId, index);
    const past = noPast();
    const differences: string[] = [];
    for await (const stored of events) {
      const before = ledger();
      const event = await add(stored);
      if (typeof event === "string") return { events: index.revision() + 1, differences: [...differences, event] };
      if (!row || event.revision > row.revision) continue;
      note(past, event);
      differences.push(...(await balances.compare(index.revision(), event.id, before, ledger())));
      if (event.revision === BigInt(row.revision))
        differences.push(...(await rowDifferences({ read, workspaceId, row, past, ledger: ledger() })));
    }
    differences.push(...(await balances.rest()), ...lost(row, index.revision()));
    return { events: index.revision() + 1, differences };
  });

const lost = (row: LedgerRow | undefined, last: number): string[] => {
  if (!row) return ["The ledger is in no read model."];
  return row.revision > last ? [`The read models are at revision ${row.revision}, the ledger ends at ${last}.`] : [];
};

/** The rows by revision beside the events by revision. */
const balancesOf = (rows: AsyncGenerator<BalanceRow, undefined>, last: number) => {
  let next: Promise<IteratorResult<BalanceRow, undefined>> | undefined;
  const extra = ({ revision }: BalanceRow) => `There is a row for revision ${revision}, where nothing of the kind is.`;
  const upTo = async (revision: number): Promise<BalanceRow[]> => {
    const passed: BalanceRow[] = [];
    for (;;) {
      next ??= rows.next();
      const { value: row } = await next;
      if (!row || row.revision > revision) return passed;
      passed.push(row);
      next = undefined;
    }
  };
  return {
    async compare(revision: number, id: string, from: CreditLedger, to: CreditLedger): Promise<string[]> {
      const found = await upTo(revision);
      const should = rowAfter(revision, id, from, to);
      const [row, ...others] = found.filter((each) => each.revision === revision);
      const extras = [...found.filter((each) => each.revision < revision), ...others].map(extra);
      if (row) return [...extras, ...unlike(`The balance after revision ${revision}`, row, should)];
      return isChange(from, should) ? [...extras, `The row of the event at revision ${revision} is missing.`] : extras;
    },
    rest: async (): Promise<string[]> => (last < 0 ? [] : (await upTo(Number.MAX_SAFE_INTEGER)).map(extra)),
  };
};

const nothing = { posted: 0, held: 0, available: 0 };
const balanceIn = (ledger: CreditLedger) => (ledger.status === "open" ? balanceOf(ledger) : nothing);

/** A transaction is what changes what is posted. */
const rowAfter = (revision: number, id: string, from: CreditLedger, to: CreditLedger): BalanceRow => {
  const balance = balanceIn(to);
  const change = balance.posted - balanceIn(from).posted;
  return { revision, ...(change === 0 ? { id: null, change: null } : { id, change }), ...balance };
};
const isChange = (from: CreditLedger, { posted, held, available }: BalanceRow): boolean => {
  const before = balanceIn(from);
  return before.posted !== posted || before.held !== held || before.available !== available;
};

type Compared = { read: Transaction; workspaceId: string; row: LedgerRow; past: Past; ledger: CreditLedger };

const rowDifferences = async ({ read, workspaceId, row, past, ledger }: Compared): Promise<string[]> => {
  if (ledger.status !== "open") return [];
  return [
    ...unlike("The ledger", row, ledgerShould(ledger, row.revision)),
    ...unlikeRows("Lot", byLot(await lotRows(read, workspaceId)), lotsShould(ledger, past)),
    ...unlikeRows("Hold", byHold(await holdRows(read, workspaceId)), past.holds),
    ...unlikeRows("Budget", byBudget(await budgetRows(read, workspaceId)), byBudget(budgetsShould(ledger))),
    ...(await budgetDifferences(read, workspaceId, ledger, past)),
  ];
};

const byLot = (rows: readonly LotRow[]) => new Map(rows.map((row) => [row.lot, row]));
const byHold = (rows: readonly HoldRow[]) => new Map(rows.map((row) => [row.holdId, row]));
const byBudget = (rows: readonly BudgetRow[]) => new Map(rows.map((row) => [row.budgetId, row]));

/** What was spent in the period each budget is in. */
const budgetDifferences = async (
  read: Transaction,
  workspaceId: string,
  { budgets }: OpenCreditLedger,
  { spent }: Past,
): Promise<string[]> => {
  const found = new Map(
    (await spentRows(read, workspaceId)).map((each) => [spentKey(each.budgetId, each.periodStart), each.spent]),
  );
  return budgets.flatMap(({ budgetId, periodStart }) => {
    const key = spentKey(budgetId, periodStart);
    return unlike(`Budget ${budgetId}`, { spent: found.get(key) ?? 0 }, { spent: spent.get(key) ?? 0 });
  });
};

/** Connections that break so often, with nothing coming in between, are taken for an event store that is not there. */
const disconnectsMax = 5;

/** Every ledger in the event store or in the read models. Errors: `EventStoreUnavailable`. */
export const allLedgers = async (store: Pick<EventStore, "follow">, rows: Pool): Promise<string[]> => {
  const ids = new Set(await readAsTenant(rows, {}, projectedLedgers));
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
