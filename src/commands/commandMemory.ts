/** A command that was carried out: what it takes to recognise it, and to find the events it is answered from again. */
export type CarriedOut = {
  inputHash: string;
  /** Of its first event, and of its last one. */
  firstRevision: bigint;
  revision: bigint;
  position: bigint;
};

/** A ledger folded up to one of its commands. */
export type Snapshot = {
  revision: bigint;
  position: bigint;
  state: unknown;
  chain: string;
  lastCommandId: string;
};

/** By their ids. */
export type Commands = ReadonlyMap<string, CarriedOut>;

/**
 * Where ledgers, told apart by the id in their stream's name, keep what would be too long to read again: the fold so
 * far, and the commands it was made of. A ledger's rows can be thrown away at any time. That costs a read of its stream
 * and changes nothing else.
 */
export type CommandMemory = {
  /** The newest one of this fold whose commands are there. */
  snapshot(ledger: string, foldVersion: number): Promise<Snapshot | undefined>;
  /** Of these commands, those known; `undefined` when the rows up to `lastCommandId` are not there any more. */
  recall(ledger: string, lastCommandId: string, commandIds: readonly string[]): Promise<Commands | undefined>;
  /**
   * Both or neither: a snapshot stands for all commands up to it. `commands` are those after `since`, the last command
   * kept before. False when that is not there any more: then nothing is kept.
   */
  keep(
    ledger: string,
    fold: { version: number; snapshot: Snapshot },
    commands: Commands,
    since: string | undefined,
  ): Promise<boolean>;
  /** Throws away what is kept of a ledger: it is about events the stream does not have. */
  forget(ledger: string): Promise<void>;
};
