import { setTimeout as delay } from "node:timers/promises";
import type { CarriedOut, Commands } from "./commandMemory.ts";

/** What was found of a command that waits, and how far it is looked up. */
type LookUp = { progress: "open" | "asked" | "answered" | "gone"; found: CarriedOut | undefined };

/**
 * Commands that wait for their decision, looked up among the older ones meanwhile. Of one that is answered, `found`
 * says whether it is among those that are not held: all up to the last one that has left.
 */
export type LookUps = {
  /** Looks these up, in the background. */
  begin(commandIds: readonly string[]): void;
  /** Ends once all of these are. False when what they would be looked up in is gone. Errors: those of the memory. */
  answered(commandIds: readonly string[]): Promise<boolean>;
  found(commandId: string): CarriedOut | undefined;
  /** These are held no more: an answer from before, or one that is still on its way, does not tell of them. */
  left(commands: Commands): void;
  /** They wait no more. */
  end(commandIds: readonly string[]): void;
};

type Options = {
  /** Whether it is held: then it is none of the older ones. */
  isHeld(commandId: string): boolean;
  /** Which of these are among the older ones. `undefined` when those are gone. */
  ask(commandIds: readonly string[]): Promise<Commands | undefined>;
};

/** A part of what an append takes: look-ups are done when it is, and are not many statements. */
const gatheringMs = 2;
/** In one statement. */
const askedMax = 500;

export const lookUpsIn = ({ isHeld, ask }: Options): LookUps => {
  let sought = new Map<string, LookUp>();
  let underWay: Promise<void> | undefined;
  let isSoon = false;

  const open = () => [...sought].filter(([, { progress }]) => progress === "open").slice(0, askedMax);
  const askFor = async (asked: readonly [string, LookUp][]): Promise<void> => {
    for (const [, lookUp] of asked) lookUp.progress = "asked";
    try {
      const found = await ask(asked.map(([commandId]) => commandId));
      for (const [commandId, lookUp] of asked) {
        lookUp.progress = found ? "answered" : "gone";
        lookUp.found ??= found?.get(commandId);
      }
    } catch (error) {
      for (const [, lookUp] of asked) lookUp.progress = "open";
      throw error;
    }
  };

  /** One statement at a time: what comes meanwhile goes with the next. */
  const askNext = async (): Promise<void> => {
    underWay ??= askFor(open()).finally(() => {
      underWay = undefined;
    });
    await underWay;
    askSoon();
  };

  /** What comes in together is asked together. Where it fails, whoever needs it asks again. */
  const askSoon = (): void => {
    if (isSoon) return;
    isSoon = true;
    void delay(gatheringMs).then(() => {
      isSoon = false;
      if (!underWay && open().length > 0) askNext().catch(() => undefined);
    });
  };

  const begin: LookUps["begin"] = (commandIds) => {
    for (const id of commandIds)
      if (!sought.has(id)) sought.set(id, { progress: isHeld(id) ? "answered" : "open", found: undefined });
    askSoon();
  };
  const progressOf = (commandIds: readonly string[]) => commandIds.map((id) => sought.get(id)?.progress);
  const isAnswered = (commandIds: readonly string[]) =>
    progressOf(commandIds).every((progress) => progress === "answered");

  return {
    begin,
    async answered(commandIds) {
      begin(commandIds);
      while (!isAnswered(commandIds)) {
        if (progressOf(commandIds).includes("gone")) return false;
        await askNext();
      }
      return true;
    },
    found: (commandId) => sought.get(commandId)?.found,
    left(commands) {
      for (const [commandId, lookUp] of sought) lookUp.found ??= commands.get(commandId);
    },
    end(commandIds) {
      for (const commandId of commandIds) sought.delete(commandId);
      // The tables that a Map has outgrown are tied to each other, and garbage with them: it is not to go on for ever.
      sought = new Map(sought);
    },
  };
};
