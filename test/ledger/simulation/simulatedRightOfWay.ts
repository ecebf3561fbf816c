import type { RightOfWay, Word } from "../../../src/commands/turns.ts";
import type { Random } from "../random.ts";
import type { Weather } from "./simulatedStore.ts";
import type { VirtualTime } from "./virtualTime.ts";

type SimulatedRightOfWay = { connect(): { rightOfWay: RightOfWay; cut(): void } };

/** What processes tell each other: it may be lost, or come late, or twice. */
export const simulatedRightOfWay = (
  time: VirtualTime,
  random: Random,
  weather: Pick<Weather, "lost" | "repeated" | "slow" | "forgetful">,
): SimulatedRightOfWay => {
  const hearing = new Map<string, (word: Word) => void>();
  let processes = 0;

  const connect = () => {
    processes += 1;
    const self = `process-${processes}`;
    const arrivals = new Map<string, number>();
    let isCut = false;
    /** In their order, but for one that is late. */
    const arrival = (to: string): number => {
      if (random.chance(weather.slow)) return time.elapsed() + random.below(3_000);
      const at = Math.max(arrivals.get(to) ?? 0, time.elapsed() + random.next() * 2);
      arrivals.set(to, at);
      return at;
    };
    const tell = (word: Omit<Word, "from">): boolean => {
      if (isCut || random.chance(weather.forgetful)) return false;
      for (const to of hearing.keys()) {
        const deliver = () =>
          time.after(arrival(to) - time.elapsed(), () => hearing.get(to)?.({ ...word, from: self }));
        if (to === self) continue;
        if (!random.chance(weather.lost)) deliver();
        if (random.chance(weather.repeated)) deliver();
      }
      return true;
    };
    const hear = async (onHeard: (word: Word) => void): Promise<void> => {
      if (!isCut) hearing.set(self, onHeard);
    };
    const cut = () => {
      isCut = true;
      hearing.delete(self);
    };
    return { rightOfWay: { self, tell, hear }, cut };
  };
  return { connect };
};
