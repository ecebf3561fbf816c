import { Presets, SingleBar } from "cli-progress";
import type { OnStep } from "./copying.ts";

const refreshMs = 100;
const words = { reading: "Comparing", writing: "Copying", verifying: "Verifying" };
const wordLength = Math.max(...Object.values(words).map(({ length }) => length));

/** On a terminal, one bar a step; elsewhere nothing. */
export const progressBar = (): { onStep: OnStep; complete(): void; stop(): void } => {
  const bar = new SingleBar(
    {
      format: "{step} |{bar}| {percentage}% · {events} events, {rate}/s · {eta_formatted} left",
      hideCursor: true,
      stopOnComplete: false,
    },
    Presets.shades_classic,
  );
  let complete: (() => void) | undefined;
  return {
    onStep(name) {
      complete?.();
      const step = words[name].padEnd(wordLength);
      const startedAt = performance.now();
      let events = 0;
      let shownAt = 0;
      let seen = { done: 0, total: 1 };
      const show = () => {
        shownAt = performance.now();
        bar.setTotal(seen.total);
        bar.update(seen.done, { step, events, rate: Math.round((events * 1_000) / (shownAt - startedAt)) });
      };
      bar.start(1, 0, { step, events, rate: 0 });
      complete = () => {
        seen = { ...seen, done: seen.total };
        show();
        bar.stop();
      };
      return (reading) => {
        events += 1;
        seen = reading;
        if (performance.now() - shownAt > refreshMs) show();
      };
    },
    complete: () => complete?.(),
    stop: () => bar.stop(),
  };
};
