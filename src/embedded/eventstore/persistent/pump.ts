type Pump = {
  /** Has a turn taken soon. */
  run(): void;
  /** Takes a turn at once. */
  runNow(): void;
  /** No turn is taken from now on. */
  stop(): void;
};

/** Takes turns for as long as `turn` says that there is more, and lets everybody else have theirs in between. */
export function createPump(turn: () => boolean, onFailure: (error: unknown) => void): Pump {
  let isScheduled = false;
  let isStopped = false;

  const runNow = (): void => {
    if (isStopped) return;
    try {
      if (turn()) run();
    } catch (error) {
      onFailure(error);
    }
  };

  const run = (): void => {
    if (isScheduled || isStopped) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      runNow();
    });
  };

  const stop = (): void => {
    isStopped = true;
  };

  return { run, runNow, stop };
}
