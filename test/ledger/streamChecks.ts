import { isDeepStrictEqual } from "node:util";
import { balanceOf, type CreditLedger, creditLedger } from "../../src/domain/credits/creditLedger.ts";
import type { LedgerEvent } from "../../src/domain/credits/unfolding.ts";
import { verifyChain } from "../../src/eventstore/chain.ts";
import type { StoredEvent } from "../../src/eventstore/store.ts";
import { fold } from "../../src/kernel/decider.ts";
import type { Operation } from "./history.ts";
import { inexplicable, type Written } from "./linearizability.ts";
import { ask, newModel } from "./model.ts";
import { type Entry, unopenedLedger } from "./modelLedger.ts";

type Ledger = { workspaceId: string; stream: readonly StoredEvent[]; operations: readonly Operation[] };

/** The first thing that is wrong with a ledger after all is over; nothing when everything is as it has to be. */
export const faultIn = async (ledger: Ledger): Promise<string | undefined> =>
  (await brokenChain(ledger)) ??
  repeatedKey(ledger) ??
  wrongFold(ledger) ??
  wrongHistory(ledger) ??
  lostTransaction(ledger) ??
  failed(ledger) ??
  writtenThoughRefused(ledger) ??
  inexplicable(modelOf(ledger), ledger.operations, writtenIn(ledger));

const brokenChain = async ({ workspaceId, stream }: Ledger): Promise<string | undefined> => {
  const verdict = await verifyChain(workspaceId, stream);
  return verdict.isIntact ? undefined : `the chain is broken at ${verdict.brokenAt}`;
};

/** Events of one delivery, which stand together: those of a group follow one another command by command. */
type Group = { commandId: string; deliveryId: string; events: StoredEvent[] };

const groupsOf = ({ stream }: Ledger): Group[] => {
  const groups: Group[] = [];
  for (const event of stream) {
    const { commandId, $correlationId: deliveryId } = event.metadata;
    const last = groups.at(-1);
    if (last?.deliveryId === deliveryId && last.commandId === commandId) last.events.push(event);
    else groups.push({ commandId, deliveryId, events: [event] });
  }
  return groups;
};

const repeatedKey = (ledger: Ledger): string | undefined => {
  const keys = groupsOf(ledger).map(({ commandId }) => commandId);
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  return twice && `the key ${twice} was carried out twice`;
};

/** Each event says what the fold of everything up to it adds up to, and that is never below zero. */
const wrongFold = ({ stream }: Ledger): string | undefined => {
  let state: CreditLedger = creditLedger.initial;
  for (const { type, data, revision } of stream) {
    // It was checked against its schema before it was written.
    state = fold(creditLedger, [{ type, data } as LedgerEvent], state);
    if (state.status !== "open") return `there is a ${type} before the ledger was opened`;
    const after = balanceOf(state);
    if (after.available < 0) return `less than nothing is available after ${revision}`;
    if (!isDeepStrictEqual(after, data["after"])) return `${type} at ${revision} does not say what the fold adds up to`;
  }
  return undefined;
};

/** What the model says happens, command by command in the order of the stream, is what happened. */
const wrongHistory = (ledger: Ledger): string | undefined => {
  const asked = new Map(
    ledger.operations.flatMap(({ items }) => items.map((item) => [item.deliveryId, item] as const)),
  );
  let model = modelOf(ledger);
  for (const { commandId, deliveryId, events } of groupsOf(ledger)) {
    const item = asked.get(deliveryId);
    if (item?.key !== commandId) return `nobody asked for ${events[0]?.type} by ${commandId}`;
    if (item.dryRun) return `a dry run of ${item.request.command} was written`;
    const step = ask(model, [item]);
    const isSame = step.entries.length === events.length && step.entries.every((entry, at) => says(events[at], entry));
    if (!isSame)
      return [
        `${JSON.stringify(item)} wrote at ${events[0]?.revision}`,
        ...events.map(({ type, data }) => `  ${type} ${JSON.stringify(data)}`),
        "where the model has",
        ...step.entries.map((entry) => `  ${JSON.stringify(entry)}`),
        JSON.stringify(step.told),
      ].join("\n");
    model = step.model;
  }
  return undefined;
};

const says = (event: StoredEvent | undefined, entry: Entry): boolean =>
  event !== undefined &&
  event.type === entry.type &&
  Object.entries(entry).every(([field, value]) => field === "type" || isDeepStrictEqual(event.data[field], value));

/** A caller was told of a transaction: it is in the stream, and that caller's. A dry run's is not. */
const lostTransaction = ({ stream, operations }: Ledger): string | undefined => {
  const keyOf = new Map(stream.map(({ id, metadata }) => [id, metadata.commandId]));
  for (const { items, told, transactions } of operations) {
    const isDryRun = items.some(({ dryRun }) => dryRun);
    for (const [index, id] of transactions.entries()) {
      const [item, answer] = [items[index], told?.[index]];
      if (id === undefined || !item || answer?.kind !== "accepted") continue;
      const isThere = keyOf.get(id) === item.key;
      if (!isThere && !isDryRun) return `transaction ${id} of ${item.key} is not in the stream`;
      if (isDryRun && !answer.replayed && keyOf.has(id)) return `a dry run told of transaction ${id}, which is real`;
    }
  }
  return undefined;
};

const writtenThoughRefused = (ledger: Ledger): string | undefined => {
  const written = writtenIn(ledger);
  for (const { items, told } of ledger.operations)
    for (const [index, item] of items.entries())
      if (told?.[index]?.kind === "refused" && written.has(item.deliveryId))
        return `${JSON.stringify(item)} was refused, and carried out`;
  return undefined;
};

/** An error that is no outage is a bug, whoever's. */
const failed = ({ operations }: Ledger): string | undefined => {
  const broken = operations.find(({ failure }) => failure !== undefined);
  if (!broken) return undefined;
  const { failure, items } = broken;
  return `${JSON.stringify(items)} failed: ${failure instanceof Error ? failure.stack : failure}`;
};

const modelOf = ({ workspaceId, stream }: Ledger) => {
  const keys = new Map(stream.filter(isDebit).map(({ id, metadata }) => [id, metadata.commandId]));
  return newModel(unopenedLedger(workspaceId, (transactionId) => keys.get(transactionId)));
};
const isDebit = ({ type }: StoredEvent): boolean => type === "CreditsDebited" || type === "HoldCaptured";

const writtenIn = (ledger: Ledger): Written =>
  new Map(groupsOf(ledger).map(({ deliveryId, events }) => [deliveryId, Number(events.at(-1)?.revision)]));
