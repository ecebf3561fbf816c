import { isDeepStrictEqual } from "node:util";
import { describe, type Operation } from "./history.ts";
import { ask, type Model } from "./model.ts";
import type { Asked, Told } from "./requests.ts";

/** Where each delivery's last event stands in the stream, of those that wrote anything. */
export type Written = ReadonlyMap<string, number>;

/** Refusals that say nothing about the ledger but that the command was not carried out. */
const saysNothing = new Set(["CONTENTION", "OVERLOADED", "BULK_TOO_LARGE"]);

/**
 * Whether one serial order of the operations, in which none comes before another that had returned when it began,
 * explains every answer: the algorithm of Wing and Gong (1993) with Lowe's memoization (2017), which never looks twice
 * at the same set of operations done with the same ledger left behind. Of the operations whose outcome nobody was told
 * only those take part that the stream has events of. The revisions at which commands were written prune the search:
 * a command is tried only where the stream has it, so writers have one order, and operations that write nothing can be
 * taken as soon as they fit, for they leave everything as it was for whatever comes after them.
 *
 * @returns nothing, or how far the best order came and what did not fit
 */
export const inexplicable = (model: Model, operations: readonly Operation[], written?: Written): string | undefined => {
  const taking = operations.filter((operation) => takesPart(operation, written));
  const all = [...taking].sort((a, b) => a.invokedAt - b.invokedAt);
  const seen = new Set<string>();
  const done = new Array<boolean>(all.length).fill(false);
  let best: { count: number; waiting: Operation[] } = { count: -1, waiting: [] };

  const search = (current: Model, count: number): boolean => {
    const waiting = all.filter((_, index) => !done[index]);
    if (waiting.every(({ returnedAt }) => returnedAt === Number.POSITIVE_INFINITY)) return true;
    // What began after one of the others had returned cannot come before that one.
    const until = Math.min(...waiting.map(({ returnedAt }) => returnedAt));
    if (count > best.count) best = { count, waiting: waiting.filter(({ invokedAt }) => invokedAt < until) };
    const state = `${done.map(Number).join("")} ${written ? "" : JSON.stringify([current.ledger, [...current.done]])}`;
    if (seen.has(state)) return false;
    seen.add(state);
    const fitting = all.flatMap((operation, index) => {
      const next = done[index] || operation.invokedAt > until ? undefined : explained(operation, current, written);
      return next ? [{ index, next }] : [];
    });
    const harmless = fitting.find(({ next }) => next === current);
    for (const { index, next } of harmless ? [harmless] : fitting) {
      done[index] = true;
      if (search(next, count + 1)) return true;
      done[index] = false;
    }
    return false;
  };

  if (search(model, 0)) return undefined;
  return [`no serial order explains these after ${best.count} of ${all.length}:`, ...best.waiting.map(describe)].join(
    "\n",
  );
};

const takesPart = ({ items, told }: Operation, written: Written | undefined): boolean =>
  told ? told.some((each) => !isSilent(each)) : !written || items.some(({ deliveryId }) => written.has(deliveryId));

const isSilent = (told: Told): boolean => told.kind === "refused" && saysNothing.has(told.code);

/** Beside commands of which nothing is said. */
const isToldAlone = (told: Told, item: Asked | undefined, model: Model): boolean =>
  item !== undefined && isDeepStrictEqual(told, ask(model, [item]).told[0]);

/** The ledger after the operation, the same one when it wrote nothing; nothing when it cannot come here. */
const explained = ({ items, isAtomic, told }: Operation, before: Model, written?: Written): Model | undefined => {
  if (told?.some(isSilent))
    return told.every((each, index) => isSilent(each) || isToldAlone(each, items[index], before)) ? before : undefined;
  const step = ask(before, items, isAtomic);
  if (told && !told.every((each, index) => isDeepStrictEqual(each, step.told[index]))) return undefined;
  if (!written) return step.model;
  const wrote = step.entries.length > 0;
  const last = Math.max(-1, ...items.map(({ deliveryId }) => written.get(deliveryId) ?? -1));
  if (last !== (wrote ? step.model.ledger.written - 1 : -1)) return undefined;
  return step.model;
};
