const intervalMs = 1_000;
const linesMax = 100;

/** Says each line at once, and says none again within a second, however often it is to be said. */
export function createSparingReport(say: (line: string) => void): (line: string) => void {
  const said = new Map<string, { readonly at: number; repeats: number }>();
  return (line) => {
    const now = performance.now();
    const last = said.get(line);
    if (last !== undefined && now - last.at < intervalMs) {
      last.repeats += 1;
      return;
    }
    if (said.size >= linesMax) said.clear();
    said.set(line, { at: now, repeats: 0 });
    say(last !== undefined && last.repeats > 0 ? `${line} (and ${last.repeats} times before)` : line);
  };
}
