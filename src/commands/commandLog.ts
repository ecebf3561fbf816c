import type { CarriedOut, CommandMemory, Snapshot } from "./commandMemory.ts";
import { handOverOf } from "./handOver.ts";
import { type HeldCommands, type HeldTotal, heldCommands } from "./heldCommands.ts";
import type { Limits, Warn } from "./limits.ts";
import { type LookUps, lookUpsIn } from "./lookUps.ts";

/**
 * From this part of what all lanes may hold on, ledgers hand over so many times as often. Not before: a ledger that has
 * never handed over asks nobody but itself.
 */
const shortFrom = 0.75;
const hurry = 10;
/** So many commands a long stream may be read ahead of the memory. */
const readAheadMax = 5_000;

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
  /** These wait for their decision: they are looked up among the older ones meanwhile. */
  expect(commandIds: readonly string[]): void;
  /** Makes these known where they are among the older ones. False when those are gone: the stream has to be read. */
  recall(commandIds: readonly string[]): Promise<boolean>;
  /** These wait no more. */
  decided(commandIds: readonly string[]): void;
  /** Hands a fold over to the memory, in the background, once enough has happened since the last one. */
  keep(standing: Omit<Snapshot, "lastCommandId">, lastCommandId: string): void;
  /** Lets the memory come after, where much was read and is held here. */
  catchUp(): Promise<void>;
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
    expect: () => undefined,
    recall: async () => true,
    decided: () => undefined,
    keep: () => undefined,
    catchUp: async () => undefined,
    release: held.release,
  };
};

type Options = {
  /** The id in the stream's name. */
  ledger: string;
  foldVersion: number;
  memory: CommandMemory;
  limits: Pick<Limits, "snapshotEvery" | "heldCommandsMax" | "heldByLedgerMax">;
  total: HeldTotal;
  warn: Warn;
};

type Older = { upTo: string; lookUps: LookUps };

/** The newest here, the older ones in the memory: a ledger's commands are known for its whole life at flat cost. */
export const ledgerLog = ({ ledger, foldVersion, memory, limits, total, warn }: Options): CommandLog => {
  const { snapshotEvery, heldCommandsMax, heldByLedgerMax } = limits;
  const held = heldCommands(total);
  const handOver = handOverOf({ ledger, foldVersion, memory, held, warn });
  /** Those that are not held, where there are any: all up to this command, which the memory has. */
  let older: Older | undefined;
  /** Of the newest snapshot. */
  let snapshotAt = -1n;

  const olderUpTo = (commandId: string) => olderOf(commandId, { ledger, memory, held });

  /** What was looked up before tells nothing from here on. */
  const beginAfter = (snapshot: Snapshot | undefined) => {
    held.clear();
    older = snapshot && olderUpTo(snapshot.lastCommandId);
    snapshotAt = snapshot?.revision ?? -1n;
    handOver.restart(snapshot?.lastCommandId);
    return snapshot;
  };

  /** Commands that wait and were looked up before may be among those that leave. */
  const forgetKept = () => {
    for (const { snapshot, commands } of handOver.done()) {
      held.drop(commands);
      older ??= olderUpTo(snapshot.lastCommandId);
      older.upTo = snapshot.lastCommandId;
      older.lookUps.left(commands);
    }
  };

  const isDue = (revision: bigint) =>
    revision - snapshotAt >= snapshotEvery / (total.commands > heldCommandsMax * shortFrom ? hurry : 1);

  return {
    known: (commandId) => held.get(commandId) ?? older?.lookUps.found(commandId),
    add: held.add,
    // With the next command a broken one begins anew.
    isFull() {
      const heldMax = total.commands < heldCommandsMax ? heldByLedgerMax : Math.min(heldByLedgerMax, snapshotEvery * 2);
      return held.size() - handOver.doneCommands() >= heldMax && !handOver.isBroken();
    },
    begin: async () => beginAfter(await memory.snapshot(ledger, foldVersion)),
    async disown() {
      warn({ ledger }, "a ledger's snapshot is of events the store does not have, and is made anew");
      await memory.forget(ledger);
      beginAfter(undefined);
    },
    expect: (commandIds) => older?.lookUps.begin(commandIds),
    async recall(commandIds) {
      forgetKept();
      return older === undefined || older.lookUps.answered(commandIds);
    },
    decided: (commandIds) => older?.lookUps.end(commandIds),
    keep({ state, revision, position, chain }, lastCommandId) {
      forgetKept();
      if (!isDue(revision)) return;
      snapshotAt = revision;
      handOver.begin({ snapshot: { state, revision, position, chain, lastCommandId }, commands: held.setAside() });
    },
    async catchUp() {
      forgetKept();
      if (held.size() >= readAheadMax) await handOver.settled();
      forgetKept();
    },
    release() {
      held.release();
      handOver.giveUp();
    },
  };
};

type Where = Pick<Options, "ledger" | "memory"> & { held: HeldCommands };

const olderOf = (upTo: string, { ledger, memory, held }: Where): Older => {
  const older: Older = {
    upTo,
    lookUps: lookUpsIn({
      isHeld: (id) => held.get(id) !== undefined,
      ask: (ids) => memory.recall(ledger, older.upTo, ids),
    }),
  };
  return older;
};
