import type { CommittedId, Log } from "./log.ts";

const generationMax = 50_000;
const reloadedMax = 20_000;

export type CommittedIds = {
  find(id: string): CommittedId | undefined;
  add(id: string, where: CommittedId): void;
  /** Starts again from what the log holds, after a transaction was rolled back. */
  reload(): void;
};

/**
 * The ids of the latest events, by which a repeated append that expects no exact revision is recognised. Bounded: two
 * generations, of which the older is dropped whole. The newest ids are read back at start, so that a client that
 * repeats itself because the process died is recognised as well.
 */
export function createCommittedIds(log: Log): CommittedIds {
  let current = new Map<string, CommittedId>();
  let previous = new Map<string, CommittedId>();

  const add = (id: string, where: CommittedId) => {
    if (current.size >= generationMax) {
      previous = current;
      current = new Map();
    }
    current.set(id, where);
  };

  const reload = () => {
    current = new Map();
    previous = new Map();
    for (const { id, stream, revision, position } of log.recentIds(reloadedMax))
      add(id, { stream, revision, position });
  };

  reload();
  return { find: (id) => current.get(id) ?? previous.get(id), add, reload };
}
