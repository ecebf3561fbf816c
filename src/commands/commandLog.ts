import { setTimeout as delay } from "node:timers/promises";
import type { CarriedOut, CommandMemory, Snapshot } from "./commandMemory.ts";
import type { Warn } from "./limits.ts";

const retryMs = 1_000;

/** The commands a stream has seen, as its lane needs to know them. */
export type CommandLog = {
  known(commandId: string): CarriedOut | undefined;
  add(commandId: string, command: CarriedOut): void;
  /** How many are held here, because nothing else does. */
  held(): number;
  /** The fold so far, to begin from it; the commands up to it are then known through `recall`. */
  begin(): Promise<Snapshot | undefined>;
  /** The stream does not have what it was begun from: neither that counts, nor the commands kept with it. */
  disown(): Promise<void>;
  /** Makes these known where they are among the older ones. False when those are gone: the stream has to be read. */
  recall(commandIds: readonly string[]): Promise<boolean>;
  /** Hands a fold over to the memory, in the background, once enough commands have come since the last one. */
  keep(standing: Omit<Snapshot, "lastCommandId">, lastCommandId: string): void;
};

/** Everything here: streams that stay short. */
export const shortLog = (): CommandLog => {
  const held = new Map<string, CarriedOut>();
  return {
    known: (commandId) => held.get(commandId),
    add: (commandId, command) => held.set(commandId, command),
    held: () => 0,
    begin: async () => undefined,
    disown: async () => undefined,
    recall: async () => true,
    keep: () => undefined,
  };
};

type Options = { stream: string; foldVersion: number; memory: CommandMemory; keepEvery: number; warn: Warn };

/** The newest here, the older ones in the memory: a ledger's commands are known for its whole life at flat cost. */
export const ledgerLog = ({ stream, foldVersion, memory, keepEvery, warn }: Options): CommandLog => {
  let held = new Map<string, CarriedOut>();
  let recalled: ReadonlyMap<string, CarriedOut> = new Map();
  /** The command up to which the memory has all of them. */
  let keptUpTo: string | undefined;
  let kept: Snapshot | undefined;
  let isKeeping = false;

  const handOver = async (snapshot: Snapshot): Promise<void> => {
    const commands = new Map([...held].filter(([, { revision }]) => revision <= snapshot.revision));
    try {
      await memory.keep(stream, foldVersion, snapshot, commands, keptUpTo);
      kept = snapshot;
    } catch (error) {
      warn({ error, stream }, "a ledger's snapshot could not be kept; its commands stay in memory");
      await delay(retryMs, undefined, { ref: false });
    }
    isKeeping = false;
  };

  /** Never between `recall` and the decision it is for: a command would have left here, and not been found there. */
  const forgetKept = () => {
    if (!kept) return;
    const { revision, lastCommandId } = kept;
    held = new Map([...held].filter(([, command]) => command.revision > revision));
    keptUpTo = lastCommandId;
    kept = undefined;
  };

  return {
    known: (commandId) => held.get(commandId) ?? recalled.get(commandId),
    add: (commandId, command) => held.set(commandId, command),
    held: () => held.size,
    async begin() {
      const snapshot = await memory.snapshot(stream, foldVersion);
      held = new Map();
      kept = undefined;
      keptUpTo = snapshot?.lastCommandId;
      return snapshot;
    },
    async disown() {
      warn({ stream }, "a ledger's snapshot is of events the store does not have, and is made anew");
      await memory.forget(stream);
      keptUpTo = undefined;
    },
    async recall(commandIds) {
      forgetKept();
      const older = keptUpTo === undefined ? [] : commandIds.filter((id) => !held.has(id));
      if (keptUpTo === undefined || older.length === 0) {
        recalled = new Map();
        return true;
      }
      const found = await memory.recall(stream, foldVersion, keptUpTo, older);
      recalled = found ?? new Map();
      return found !== undefined;
    },
    keep(standing, lastCommandId) {
      forgetKept();
      if (isKeeping || held.size < keepEvery) return;
      isKeeping = true;
      const { state, revision, position, chain } = standing;
      void handOver({ state, revision, position, chain, lastCommandId });
    },
  };
};
