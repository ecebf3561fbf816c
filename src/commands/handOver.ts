import { setTimeout as delay } from "node:timers/promises";
import type { CommandMemory, Commands, Snapshot } from "./commandMemory.ts";
import type { HeldCommands } from "./heldCommands.ts";
import type { Warn } from "./limits.ts";

const retryMinMs = 1_000;
const retryMaxMs = 30_000;

/** A fold, and the commands it was made of since the one before it. */
type Fold = { snapshot: Snapshot; commands: Commands };

/** One ledger's way to the memory: folds go there one after the other, in the background. */
type HandOver = {
  begin(fold: Fold): void;
  /** Those that the memory has by now, each told once. */
  done(): readonly Fold[];
  /** How many commands those are that were not told yet. */
  doneCommands(): number;
  /** Ends with what is under way: then the memory has it, or would not take it. */
  settled(): Promise<void>;
  /** Whether what the memory had is gone: it takes no more before a restart. */
  isBroken(): boolean;
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
  let underWay: Promise<boolean> | undefined;
  let isRunning = false;
  let isBroken = false;
  let isGivenUp = false;

  /** The lane may begin anew meanwhile: then nothing follows from what became of this. */
  const handOver = async (fold: Fold): Promise<boolean> => {
    const { snapshot, commands } = fold;
    try {
      const isKept = await memory.keep(ledger, { version: foldVersion, snapshot }, commands, since);
      if (!held.has(commands)) return true;
      if (isKept) {
        since = snapshot.lastCommandId;
        done.push(fold);
      } else {
        isBroken = true;
        next = undefined;
      }
      return true;
    } catch (error) {
      warn({ error, ledger }, "a ledger's snapshot could not be kept; its commands stay in memory");
      // What comes after it would stand for commands that nobody has.
      if (isGivenUp) next = undefined;
      else if (held.has(commands)) next = joined(held, fold, next);
      return false;
    }
  };

  const handOverAll = async (): Promise<void> => {
    isRunning = true;
    let retryMs = retryMinMs;
    while (next) {
      const fold = next;
      next = undefined;
      underWay = handOver(fold);
      const isOver = await underWay;
      if (!isOver) await delay(retryMs, undefined, { ref: false });
      retryMs = isOver ? retryMinMs : Math.min(retryMs * 2, retryMaxMs);
    }
    isRunning = false;
  };

  return {
    begin(fold) {
      if (isBroken) return;
      next = next ? joined(held, next, fold) : fold;
      if (!isRunning) void handOverAll();
    },
    done: () => done.splice(0),
    doneCommands: () => done.reduce((sum, { commands }) => sum + commands.size, 0),
    async settled() {
      await underWay;
    },
    isBroken: () => isBroken,
    restart(lastCommandId) {
      since = lastCommandId;
      next = undefined;
      done = [];
      isBroken = false;
    },
    giveUp() {
      isGivenUp = true;
    },
  };
};

/** The older commands with the newer ones, up to the newer snapshot. */
const joined = (held: Options["held"], earlier: Fold, later: Fold | undefined): Fold =>
  later ? { snapshot: later.snapshot, commands: held.joined(earlier.commands, later.commands) } : earlier;
