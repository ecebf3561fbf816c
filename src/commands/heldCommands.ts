import type { CarriedOut } from "./commandMemory.ts";

/** How many commands all lanes of a process hold together. */
export type HeldTotal = { commands: number };

/** The commands one lane has in memory, counted in the total of all lanes. */
type HeldCommands = {
  get(commandId: string): CarriedOut | undefined;
  add(commandId: string, command: CarriedOut): void;
  size(): number;
  /** All until now, as one set that what comes from now on does not enter; they stay known until `drop`. */
  setAside(): ReadonlyMap<string, CarriedOut>;
  /** False when the set is none of this lane any more. */
  drop(aside: ReadonlyMap<string, CarriedOut>): boolean;
  clear(): void;
  /** From now on nothing of this counts: its lane was let go. */
  release(): void;
};

/** Two generations, so that a set of any size is handed over and forgotten without looking at each command again. */
export const heldCommands = (total: HeldTotal): HeldCommands => {
  let account = total;
  let newest = new Map<string, CarriedOut>();
  let aside = new Map<string, CarriedOut>();
  const size = () => newest.size + aside.size;

  return {
    get: (commandId) => newest.get(commandId) ?? aside.get(commandId),
    add(commandId, command) {
      const before = newest.size;
      newest.set(commandId, command);
      account.commands += newest.size - before;
    },
    size,
    setAside() {
      // What could not be handed over the last time goes with it.
      if (aside.size === 0) aside = newest;
      else for (const [commandId, command] of newest) aside.set(commandId, command);
      newest = new Map();
      return aside;
    },
    drop(dropped) {
      if (dropped !== aside) return false;
      account.commands -= aside.size;
      aside = new Map();
      return true;
    },
    clear() {
      account.commands -= size();
      newest = new Map();
      aside = new Map();
    },
    release() {
      account.commands -= size();
      account = { commands: 0 };
    },
  };
};
