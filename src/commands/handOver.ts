import { setTimeout as delay } from "node:timers/promises";
import type { CommandMemory, Commands, Snapshot } from "./commandMemory.ts";
import type { HeldCommands } from "./heldCommands.ts";
import type { Warn } from "./limits.ts";

const retryMs = 1_000;

/** A fold, and the commands it was made of since the one before it. */
export type Fold = { snapshot: Snapshot; commands: Commands };

/** One ledger's way to the memory: folds go there one after the other, in the background. */
export type HandOver = {
  begin(fold: Fold): void;
  /** Those that the memory has by now, each told once. */
  done(): readonly Fold[];
  /** Ends with what is under way: then the memory has it, or would not take it. */
  settled(): Promise<void>;
  /** Nothing that was begun matters any more: the memory has all commands up to this one. */
  restart(lastCommandId: string | undefined): void;
  /** What the memory does not take now it is not asked to take again. */
  giveUp(): void;
};

type Options = {
  ledger: string;
  foldVersion: number;
  memory: CommandMemory;
  held: Pick<HeldCommands, "has" | "joined">;
  warn: Warn;
};

export const handOverOf = ({ ledger, foldVersion, memory, held, warn }: Options): HandOver => {
  let since: string | undefined;
  let next: Fold | undefined;
  let done: Fold[] = [];
  let underWay: Promise<void> | undefined;
  let isGivenUp = false;

  const joined = (earlier: Fold, later: Fold | undefined): Fold =>
    later ? { snapshot: later.snapshot, commands: held.joined(earlier.commands, later.commands) } : earlier;

  const handOver = async (fold: Fold): Promise<void> => {
    const { snapshot, commands } = fold;
    try {
      await memory.keep(ledger, { version: foldVersion, snapshot }, commands, since);
      // The lane may have begun anew meanwhile.
      if (!held.has(commands)) return;
      since = snapshot.lastCommandId;
      done.push(fold);
    } catch (error) {
      warn({ error, ledger }, "a ledger's snapshot could not be kept; its commands stay in memory");
      if (held.has(commands) && !isGivenUp) next = joined(fold, next);
      await delay(retryMs, undefined, { ref: false });
    }
  };

  const handOverAll = async (): Promise<void> => {
    while (next) {
      const fold = next;
      next = undefined;
      underWay = handOver(fold);
      await underWay;
    }
    underWay = undefined;
  };

  return {
    begin(fold) {
      next = next ? joined(next, fold) : fold;
      if (!underWay) void handOverAll();
    },
    done() {
      const told = done;
      done = [];
      return told;
    },
    settled: async () => underWay,
    restart(lastCommandId) {
      since = lastCommandId;
      next = undefined;
      done = [];
    },
    giveUp() {
      isGivenUp = true;
    },
  };
};
