import { type RecordedEvent, sizeBytes } from "../event.ts";

const eventsMax = 2_048;
const bytesMax = 8 * 1024 * 1024;

/** Called soon after a commit, with the position of its first event. */
type CommitListener = (firstPosition: number) => void;

export type Tail = {
  publish(events: readonly RecordedEvent[]): void;
  /** Up to `limit` events after `position`, or undefined when the oldest of them is no longer held. */
  after(position: number, limit: number): readonly RecordedEvent[] | undefined;
  /** Returns the function that ends it. `stream` is undefined for all streams. */
  listen(stream: string | undefined, listener: CommitListener): () => void;
};

/**
 * The newest events, held in memory, so that any number of live subscriptions costs no query. Positions have no gaps,
 * so a position is an index. While nobody listens nothing is held.
 */
export function createTail(lastPosition: number): Tail {
  let held: RecordedEvent[] = [];
  let heldBytes = 0;
  let firstPosition = lastPosition + 1;
  const listeners = new Map<string | undefined, Set<CommitListener>>();

  const trim = () => {
    let dropped = 0;
    for (const event of held) {
      if (held.length - dropped <= eventsMax / 2 && heldBytes <= bytesMax) break;
      heldBytes -= sizeBytes(event);
      dropped += 1;
    }
    held = held.slice(dropped);
    firstPosition += dropped;
  };

  const forget = (nextPosition: number) => {
    held = [];
    heldBytes = 0;
    firstPosition = nextPosition;
  };

  const notify = (stream: string | undefined, position: number) => {
    for (const listener of listeners.get(stream) ?? []) listener(position);
  };

  const notifyAll = (events: readonly RecordedEvent[], position: number) => {
    notify(undefined, position);
    for (const stream of new Set(events.map((event) => event.stream))) notify(stream, position);
  };

  return {
    publish(events) {
      const [first] = events;
      if (first === undefined) return;
      if (listeners.size === 0) {
        forget(first.position + events.length);
        return;
      }
      for (const event of events) {
        held.push(event);
        heldBytes += sizeBytes(event);
      }
      if (held.length > eventsMax || heldBytes > bytesMax) trim();
      // Those who wait for an answer to what they wrote, or to have more written, are served before those who listen.
      setImmediate(notifyAll, events, first.position);
    },
    after(position, limit) {
      const index = position + 1 - firstPosition;
      return index < 0 ? undefined : held.slice(index, index + limit);
    },
    listen(stream, listener) {
      const set = listeners.get(stream) ?? new Set();
      listeners.set(stream, set.add(listener));
      return () => {
        set.delete(listener);
        if (set.size === 0 && listeners.get(stream) === set) listeners.delete(stream);
      };
    },
  };
}
