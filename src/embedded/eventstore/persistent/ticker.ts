const tickMs = 1_000;

/** Does what is due by time; false when it need not be asked again. */
type Tick = () => boolean;

type Ticker<Key> = {
  /** Has `tick` called every second for as long as it asks for that. */
  add(key: Key, tick: Tick): void;
  remove(key: Key): void;
  stop(): void;
};

/** One timer for all groups that wait for something, and none when no group does. */
export function createTicker<Key>(): Ticker<Key> {
  const ticks = new Map<Key, Tick>();
  let timer: NodeJS.Timeout | undefined;

  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
  };

  const tickAll = (): void => {
    for (const [key, tick] of ticks) if (!tick()) ticks.delete(key);
    if (ticks.size === 0) stop();
  };

  return {
    add: (key, tick) => {
      ticks.set(key, tick);
      timer ??= setInterval(tickAll, tickMs).unref();
    },
    remove: (key) => {
      ticks.delete(key);
    },
    stop,
  };
}
