import type { Followed, StoredEvent } from "../eventstore/store.ts";
import type { Decode, Decoded } from "./decoding.ts";

/** Events in commit order, and the position up to which there are no others. */
export type Batch = { events: readonly Decoded[]; position: bigint };

export type Inbox = {
  /**
   * The next batch of at most `max` events: at once if there are some and `notBefore` (on the clock of `performance`)
   * is past; otherwise when it is full or that time has come, which is `inHurry` once somebody waits for the batch.
   * Undefined at the source's end.
   */
  take(max: number, notBefore?: number, inHurry?: number): Promise<Batch | undefined>;
  /** Somebody waits for the next batch. */
  hurry(): void;
  /** Has all come in that was there at the beginning? */
  isCaughtUp(): boolean;
  /** The oldest event that came in and was not taken, and their number. */
  waiting(): { oldest: StoredEvent | undefined; events: number };
};

/** What came in together, and is decoded at once. */
type Arrival = { events: readonly StoredEvent[]; decoded: Promise<readonly Decoded[]> };

/** So many events are fetched and decoded ahead of the batch that is being applied. */
const AHEAD_MAX = 4_000;
/** So many are decoded at once, while others still come in. */
const ARRIVAL_MAX = 100;

/** Takes events in and decodes each once while earlier ones are being applied. `take` throws what the source threw. */
export const inbox = (source: AsyncIterable<Followed>, decode: Decode): Inbox => {
  const queue = arrivals(decode);
  const arrival = notice();
  const room = notice();
  let passed = -1n;
  let taken = -1n;
  let isCaughtUp = false;
  let isInHurry = false;
  let hasEnded = false;
  let failure: { error: unknown } | undefined;

  const takeIn = async (): Promise<void> => {
    for await (const followed of source) {
      if (followed.kind === "event") queue.push(followed.event);
      else if (followed.kind === "passed") passed = followed.position;
      else isCaughtUp = true;
      arrival.give();
      if (queue.length() >= AHEAD_MAX) await room.until(() => queue.length() < AHEAD_MAX);
    }
  };
  takeIn()
    .catch((error: unknown) => {
      failure = { error };
    })
    .finally(() => {
      hasEnded = true;
      arrival.give();
    });

  const isReady = (max: number, isTime: boolean): boolean =>
    hasEnded || queue.length() >= max || ((queue.length() > 0 || passed > taken) && isTime);

  /** One look at the clock decides both whether it is time and how long to wait: between two, the time could come. */
  const ready = async (max: number, notBefore: number, inHurry: number): Promise<void> => {
    for (;;) {
      const [wasInHurry, time] = [isInHurry, isInHurry ? inHurry : notBefore];
      const leftMs = time - performance.now();
      if (isReady(max, leftMs <= 0)) return;
      const isMet = () => isInHurry !== wasInHurry || isReady(max, performance.now() >= time);
      await arrival.until(isMet, leftMs > 0 ? leftMs : undefined);
    }
  };

  return {
    isCaughtUp: () => isCaughtUp,
    waiting: () => ({ oldest: queue.oldest(), events: queue.length() }),
    hurry: () => {
      isInHurry = true;
      arrival.give();
    },
    take: async (max, notBefore = 0, inHurry = notBefore) => {
      await ready(max, notBefore, inHurry);
      isInHurry = false;
      if (failure) throw failure.error;
      if (hasEnded && queue.length() === 0) return undefined;
      const events = queue.take(max);
      const isEmpty = queue.length() === 0;
      const beyond = passed;
      room.give();
      const decoded = (await Promise.all(events)).flat();
      const last = decoded.at(-1)?.event.position ?? beyond;
      taken = isEmpty && beyond > last ? beyond : last;
      return { events: decoded, position: taken };
    },
  };
};

/** A queue into which events go one by one, and in which those that come one after the other are decoded at once. */
const arrivals = (decode: Decode) => {
  const queue: Arrival[] = [];
  let latest: StoredEvent[] = [];
  let length = 0;

  const close = (): void => {
    if (latest.length === 0) return;
    queue.push({ events: latest, decoded: awaitable(decode(latest)) });
    latest = [];
  };

  return {
    length: () => length,
    oldest: () => queue[0]?.events[0] ?? latest[0],
    push: (event: StoredEvent): void => {
      latest.push(event);
      length += 1;
      if (latest.length === ARRIVAL_MAX) close();
    },
    /** The first ones, at most `max`. */
    take: (max: number): Promise<readonly Decoded[]>[] => {
      close();
      const taken: Promise<readonly Decoded[]>[] = [];
      let room = max;
      for (let first = queue.shift(); first; first = room > 0 ? queue.shift() : undefined) {
        const { events, decoded } = first;
        const count = Math.min(room, events.length);
        room -= count;
        if (count === events.length) taken.push(decoded);
        else {
          taken.push(decoded.then((all) => all.slice(0, count)));
          const rest = awaitable(decoded.then((all) => all.slice(count)));
          queue.unshift({ events: events.slice(count), decoded: rest });
        }
      }
      length -= max - room;
      return taken;
    },
  };
};

/** A rejection that waits in the queue for somebody to look at it must not end the process. */
const awaitable = <T>(promise: Promise<T>): Promise<T> => {
  promise.catch(() => undefined);
  return promise;
};

/** Something to wait for, with room for one that waits: woken, and its timer cleared, only by what it waits for. */
const notice = () => {
  let look: () => void = () => undefined;
  return {
    give: () => look(),
    until: (isMet: () => boolean, timeoutMs?: number): Promise<void> =>
      new Promise((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          look = () => undefined;
          resolve();
        };
        const timer = timeoutMs === undefined ? undefined : setTimeout(wake, timeoutMs);
        look = () => {
          if (isMet()) wake();
        };
      }),
  };
};
