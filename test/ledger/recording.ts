import { Unavailable } from "../../src/platform/unavailable.ts";
import { type Delivered, learn } from "./deliver.ts";
import type { Operation } from "./history.ts";
import type { Asked } from "./requests.ts";
import type { Knowledge } from "./workload.ts";

/** A ledger with what its callers know and have done. */
export type Watched = { known: Knowledge; operations: Operation[] };

/**
 * Notes when commands were sent and what came back, as it comes: nobody has to wait for that. Commands of a group that
 * is not atomic are operations of their own. `isLost` says of an error that it tells nothing about the commands.
 *
 * @returns what was told; nothing when that is unknown
 */
export const recorded = async (
  { known, operations }: Watched,
  items: readonly Asked[],
  isAtomic: boolean,
  {
    tick,
    send,
    isLost = isOutage,
  }: {
    tick: () => number;
    send: () => Promise<Delivered[]>;
    isLost?: (error: unknown) => boolean;
  },
): Promise<Delivered[] | undefined> => {
  const isOne = isAtomic || items.some(({ dryRun }) => dryRun);
  const unknown = { invokedAt: tick(), returnedAt: Number.POSITIVE_INFINITY, transactions: [] };
  const begun = (isOne ? [items] : items.map((item) => [item])).map(
    (each): Operation => ({ items: each, isAtomic, ...unknown }),
  );
  operations.push(...begun);
  try {
    const outcomes = await send();
    for (const outcome of outcomes) learn(known, outcome);
    returned(begun, outcomes, tick());
    return outcomes;
  } catch (error) {
    if (!isLost(error)) for (const operation of begun) operation.failure = error;
    return undefined;
  }
};

const isOutage = (error: unknown): boolean => error instanceof Unavailable;

const returned = (operations: readonly Operation[], outcomes: readonly Delivered[], returnedAt: number): void => {
  let from = 0;
  for (const operation of operations) {
    const own = outcomes.slice(from, from + operation.items.length);
    from += operation.items.length;
    Object.assign(operation, {
      ...{ returnedAt, told: own.map(({ told }) => told), transactions: own.map(({ transaction }) => transaction) },
    });
  }
};
