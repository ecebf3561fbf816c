import type { CarriedOut, Commands } from "./commandMemory.ts";

/** How many commands all lanes of a process hold together. */
export type HeldTotal = { commands: number };

/** The commands one lane has in memory, counted in the total of all lanes. */
export type HeldCommands = {
  get(commandId: string): CarriedOut | undefined;
  add(commandId: string, command: CarriedOut): void;
  size(): number;
  /** All since the last time, as a set that what comes from now on does not enter; they stay known until `drop`. */
  setAside(): Commands;
  /** The later of two such sets becomes part of the earlier one, which is returned. */
  joined(earlier: Commands, later: Commands): Commands;
  /** Whether this set is still one of this lane's. */
  has(aside: Commands): boolean;
  drop(aside: Commands): void;
  clear(): void;
  /** From now on nothing of this counts: its lane was let go. */
  release(): void;
};

/** In generations, so that a set of any size is handed over and forgotten without looking at each command again. */
export const heldCommands = (total: HeldTotal): HeldCommands => {
  let account = total;
  let newest = new Map<string, CarriedOut>();
  let asides: readonly Map<string, CarriedOut>[] = [];
  const size = () => asides.reduce((sum, aside) => sum + aside.size, newest.size);

  return {
    get(commandId) {
      const found = newest.get(commandId);
      if (found) return found;
      for (const aside of asides) {
        const older = aside.get(commandId);
        if (older) return older;
      }
      return undefined;
    },
    add(commandId, command) {
      const before = newest.size;
      newest.set(commandId, command);
      account.commands += newest.size - before;
    },
    size,
    setAside() {
      const aside = newest;
      asides = [...asides, aside];
      newest = new Map();
      return aside;
    },
    joined(earlier, later) {
      const whole = asides.find((aside) => aside === earlier);
      if (!whole) return later;
      for (const [commandId, command] of later) whole.set(commandId, command);
      asides = asides.filter((aside) => aside !== later);
      return whole;
    },
    has: (aside) => asides.some((each) => each === aside),
    drop(dropped) {
      const left = asides.filter((aside) => aside !== dropped);
      if (left.length < asides.length) account.commands -= dropped.size;
      asides = left;
    },
    clear() {
      account.commands -= size();
      newest = new Map();
      asides = [];
    },
    release() {
      account.commands -= size();
      account = { commands: 0 };
    },
  };
};
