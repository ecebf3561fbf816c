const intervalMs = 1_000;

/** Says why connections were not let in: the first at once, and in no second more than one line, however many come. */
export function createRefusalReport(say: (line: string) => void): (reason: string) => void {
  let saidAt = Number.NEGATIVE_INFINITY;
  let unsaid = 0;
  return (reason) => {
    const now = performance.now();
    if (now - saidAt < intervalMs) {
      unsaid += 1;
      return;
    }
    say(`A connection was not let in: ${reason}${unsaid > 0 ? ` (and ${unsaid} before it)` : ""}.`);
    saidAt = now;
    unsaid = 0;
  };
}
