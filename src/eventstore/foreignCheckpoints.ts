import type { Checkpoint, LastEvent } from "./checkpoints.ts";
import type { EventStore } from "./store.ts";

type Store = Pick<EventStore, "head" | "read">;

/** Events were dealt with that this event store does not have there: it is another one, or an older copy. */
class ForeignCheckpoint extends Error {
  override readonly name = "ForeignCheckpoint";
}

/** DR-12: going on from such a checkpoint would skip events. @throws ForeignCheckpoint */
export const refuseForeign = async (store: Store, checkpoints: Iterable<Checkpoint>): Promise<void> => {
  const reason = await foreign(store, checkpoints);
  if (reason === undefined) return;
  throw new ForeignCheckpoint(
    `${reason}. If EVENTSTORE_URL or DATABASE_URL names the wrong one, or the wrong backup was put back, correct ` +
      "that. If the event store was moved or put back on purpose, fill Postgres anew from it: npm run rebuild",
  );
};

/**
 * Why one of these checkpoints is not of this store, in words. Where the last event is known it alone tells: behind it
 * nothing was dealt with, and the store may end with events of its own, which are passed and never shown.
 */
export const foreign = async (store: Store, checkpoints: Iterable<Checkpoint>): Promise<string | undefined> => {
  const head = await store.head();
  /** Most share their last event. */
  const seen = new Map<string, boolean>();
  for (const { subscriber, position, last } of checkpoints) {
    if (position < 0n) continue;
    if (last === undefined) {
      if (position > head) return tooFar(subscriber, position, head);
      continue;
    }
    const key = `${last.position} ${last.id}`;
    const isHere = seen.get(key) ?? (await holds(store, last));
    seen.set(key, isHere);
    if (!isHere) return notThere(subscriber, last);
  }
  return undefined;
};

const tooFar = (subscriber: string, position: bigint, head: bigint): string =>
  `${subscriber} has come to position ${position}, but the event store ends at ${head}: ` +
  "it is another one, or an older copy";

const notThere = (subscriber: string, { stream, revision, position }: LastEvent): string =>
  `${subscriber} has come to revision ${revision} of ${stream}, at position ${position}, and the event store does ` +
  "not have that event there: it is another one, or an older copy that has gone on since";

const holds = async (store: Store, last: LastEvent): Promise<boolean> => {
  for await (const { id, position } of store.read(last.stream, last.revision, 1))
    return id === last.id && position === last.position;
  return false;
};
