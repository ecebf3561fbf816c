import { setTimeout as delay } from "node:timers/promises";
import type { CarriedOut, CommandMemory, Snapshot } from "./commandMemory.ts";
import { type HeldTotal, heldCommands } from "./heldCommands.ts";
import type { Limits, Warn } from "./limits.ts";

const retryMs = 1_000;
/**
 * From this part of what all lanes may hold on, ledgers hand over so many times as often. Not before: a ledger that has
 * never handed over asks nobody but itself.
 */
const shortFrom = 0.75;
const hurry = 10;

/** The commands a stream has seen, as its lane needs to know them. */
export type CommandLog = {
  known(commandId: string): CarriedOut | undefined;
  add(commandId: string, command: CarriedOut): void;
  /** Whether more are held here than may be, because nothing else would take them. */
  isFull(): boolean;
  /** The fold so far, to begin from it; the commands up to it are then known through `recall`. */
  begin(): Promise<Snapshot | undefined>;
  /** The stream does not have what it was begun from: neither that counts, nor the commands kept with it. */
  disown(): Promise<void>;
  /** Makes these known where they are among the older ones. False when those are gone: the stream has to be read. */
  recall(commandIds: readonly string[]): Promise<boolean>;
  /** Hands a fold over to the memory, in the background, once enough commands have come since the last one. */
  keep(standing: Omit<Snapshot, "lastCommandId">, lastCommandId: string): void;
  /** The lane is let go: what is held here does not count any more. */
  release(): void;
};

/** Everything here: streams that stay short. */
export const shortLog = (total: HeldTotal): CommandLog => {
  const held = heldCommands(total);
  return {
    known: held.get,
    add: held.add,
    isFull: () => false,
    begin: async () => undefined,
    disown: async () => undefined,
    recall: async () => true,
    keep: () => undefined,
    release: held.release,
  };
};

type Options = {
  stream: string;
  foldVersion: number;
  memory: CommandMemory;
  limits: Pick<Limits, "snapshotEvery" | "heldCommandsMax" | "heldByLedgerMax">;
  total: HeldTotal;
  warn: Warn;
};

/** The newest here, the older ones in the memory: a ledger's commands are known for its whole life at flat cost. */
export const ledgerLog = ({ stream, foldVersion, memory, limits, total, warn }: Options): CommandLog => {
  const { snapshotEvery, heldCommandsMax, heldByLedgerMax } = limits;
  const held = heldCommands(total);
  let recalled: ReadonlyMap<string, CarriedOut> = new Map();
  /** The command up to which the memory has all of them. */
  let keptUpTo: string | undefined;
  let kept: { lastCommandId: string; commands: ReadonlyMap<string, CarriedOut> } | undefined;
  let isKeeping = false;

  const handOver = async (snapshot: Snapshot): Promise<void> => {
    const commands = held.setAside();
    try {
      await memory.keep(stream, foldVersion, snapshot, commands, keptUpTo);
      kept = { lastCommandId: snapshot.lastCommandId, commands };
    } catch (error) {
      warn({ error, stream }, "a ledger's snapshot could not be kept; its commands stay in memory");
      await delay(retryMs, undefined, { ref: false });
    }
    isKeeping = false;
  };

  /** Never between `recall` and the decision it is for: a command would have left here, and not been found there. */
  const forgetKept = () => {
    if (kept && held.drop(kept.commands)) keptUpTo = kept.lastCommandId;
    kept = undefined;
  };

  const isDue = () =>
    held.size() >= (total.commands > heldCommandsMax * shortFrom ? Math.ceil(snapshotEvery / hurry) : snapshotEvery);

  return {
    known: (commandId) => held.get(commandId) ?? recalled.get(commandId),
    add: held.add,
    isFull: () =>
      held.size() >= heldByLedgerMax || (held.size() >= snapshotEvery * 2 && total.commands >= heldCommandsMax),
    async begin() {
      const snapshot = await memory.snapshot(stream, foldVersion);
      held.clear();
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
      const older = keptUpTo === undefined ? [] : commandIds.filter((id) => held.get(id) === undefined);
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
      if (isKeeping || !isDue()) return;
      isKeeping = true;
      const { state, revision, position, chain } = standing;
      void handOver({ state, revision, position, chain, lastCommandId });
    },
    release: held.release,
  };
};
