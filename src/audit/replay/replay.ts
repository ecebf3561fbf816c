import type { StoredEvent } from "../../eventstore/store.ts";
import { type Pool, readSnapshot, type Transaction } from "../../platform/postgres.ts";
import { newMemory, recomputation } from "../recomputation.ts";
import { type AuditedTable, inNoEvent, missing, type Row, unlike, unlikeRows } from "./differences.ts";
import { alertRow, balanceRow, type Step, transactionRow } from "./eventRows.ts";
import { foldedRows } from "./foldedRows.ts";
import { eventTables, foldedTables, projectedUntil, rowsByRevision, rowsIn } from "./ledgerTables.ts";
import { noPast, note, type Past } from "./past.ts";
import { sealDifferences } from "./sealRows.ts";

type Ledger = {
  workspaceId: string;
  /** From the first one on. */
  events: AsyncIterable<StoredEvent>;
  seals: AsyncIterable<StoredEvent>;
  /** Of a role that sees the rows of all tenants. */
  rows: Pool;
};
/** `difference`: a sentence for people. */
type Replayed = { events: number; differences: string[] };

/**
 * Adds a ledger up anew from its events, and compares what comes out with what every event says and with every row of
 * it in the read models, as of the event these have come to. No function of a projection has a part in it.
 */
export const replayLedger = ({ workspaceId, events, seals, rows }: Ledger): Promise<Replayed> =>
  readSnapshot(rows, async (read) => {
    using memory = newMemory();
    const { index } = memory;
    const compared = await comparison(read, workspaceId);
    const { add, ledger } = recomputation(workspaceId, memory);
    const differences: string[] = [];
    for await (const stored of events) {
      const before = ledger();
      const event = await add(stored);
      if (typeof event === "string") return { events: index.revision() + 1, differences: [...differences, event] };
      const after = ledger();
      if (after.status === "open") differences.push(...(await compared.step({ before, event, after })));
    }
    differences.push(...(await compared.end()), ...(await sealDifferences(read, workspaceId, seals)));
    return { events: index.revision() + 1, differences };
  });

/** The rows of one ledger, beside its events one after the other. */
const comparison = async (read: Transaction, workspaceId: string) => {
  const [account] = await rowsIn(foldedTables.account, read, workspaceId);
  const until = account ? Number(account["revision"]) : -1;
  const taken = await projectedUntil(read, "billing");
  const past = noPast();
  const beside = (table: AuditedTable) => besideEvents(table, rowsByRevision(table, read, workspaceId));
  const ofEvents = [
    { rows: beside(eventTables.transactions), rowOf: transactionRow },
    { rows: beside(eventTables.balances), rowOf: balanceRow },
    { rows: beside(eventTables.alerts), rowOf: alertRow },
  ];
  let last = -1;
  let lastTaken = -1;
  return {
    async step(step: Step): Promise<string[]> {
      last = Number(step.event.revision);
      if (step.event.position <= taken) lastTaken = last;
      if (last > until) return [];
      note(past, step);
      const found: string[] = [];
      for (const { rows, rowOf } of ofEvents) found.push(...(await rows.compare(last, rowOf(step))));
      return last === until ? [...found, ...(await foldedDifferences(read, step, past))] : found;
    },
    async end(): Promise<string[]> {
      if (!account) return lastTaken < 0 ? [] : ["The ledger is in no read model."];
      const found: string[] = [];
      for (const { rows } of ofEvents) found.push(...(await rows.rest()));
      const should = until > last ? last : Math.max(until, lastTaken);
      return [...found, ...unlike(foldedTables.account, { revision: until }, { revision: should })];
    },
  };
};

const foldedDifferences = async (read: Transaction, { event, after }: Step, past: Past): Promise<string[]> => {
  const should = foldedRows(after, past, Number(event.revision));
  const { workspaceId } = after;
  const differences: string[] = [];
  for (const [name, table] of Object.entries(foldedTables))
    if (isFolded(name)) differences.push(...unlikeRows(table, await rowsIn(table, read, workspaceId), should[name]));
  return differences;
};

const isFolded = (name: string): name is keyof typeof foldedTables => name in foldedTables;

/** The rows by revision beside the events by revision. */
const besideEvents = (table: AuditedTable, rows: AsyncGenerator<Row, undefined>) => {
  let next: Promise<IteratorResult<Row, undefined>> | undefined;
  const upTo = async (revision: number): Promise<Row[]> => {
    const passed: Row[] = [];
    for (;;) {
      next ??= rows.next();
      const { value: row } = await next;
      if (!row || Number(row["revision"]) > revision) return passed;
      passed.push(row);
      next = undefined;
    }
  };
  return {
    async compare(revision: number, should: Row | undefined): Promise<string[]> {
      const passed = await upTo(revision);
      const found = should && passed.find((row) => row["revision"] === revision);
      const extra = passed.filter((row) => row !== found).map((row) => inNoEvent(table, row));
      if (!should) return extra;
      return [...extra, ...(found ? unlike(table, found, should) : [missing(table, should)])];
    },
    rest: async (): Promise<string[]> => (await upTo(Number.MAX_SAFE_INTEGER)).map((row) => inNoEvent(table, row)),
  };
};
