import type { Log, Place } from "./log.ts";

const generationMax = 50_000;
const reloadedMax = 20_000;

export type CommittedIds = {
  find(id: string): Place | undefined;
  add(id: string, position: number): void;
  /** Starts again from what the log holds, after a transaction was rolled back. */
  reload(): void;
};

/**
 * The ids of the latest events, by which a repeated append that expects no exact revision is recognised. Bounded: two
 * generations, of which the older is dropped whole. The newest ids are read back at start, so that a client that
 * repeats itself because the process died is recognised as well.
 */
export function createCommittedIds(log: Log): CommittedIds {
  // Only where to look is kept: what an id is looked up for is seldom found.
  let current = new Map<string, number>();
  let previous = new Map<string, number>();

  const add = (id: string, position: number) => {
    if (current.size >= generationMax) {
      previous = current;
      current = new Map();
    }
    current.set(id, position);
  };

  const reload = () => {
    current = new Map();
    previous = new Map();
    for (const { id, position } of log.recentIds(reloadedMax)) add(id, position);
  };

  reload();
  return {
    find(id) {
      const position = current.get(id) ?? previous.get(id);
      return position === undefined ? undefined : log.placeAt(position);
    },
    add,
    reload,
  };
}
