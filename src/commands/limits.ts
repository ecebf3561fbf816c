export type Limits = {
  /** Streams whose state is kept in memory; idle ones that were not used for long go first. */
  lanesMax: number;
  /**
   * Commands in memory, of all streams together, at less than half a kilobyte each; then idle ones that were not
   * used for long go, and ledgers that cannot hand theirs over take no more (`OVERLOADED`).
   */
  heldCommandsMax: number;
  /** Commands that may wait for one stream; more are refused with `OVERLOADED`. */
  waitingMax: number;
  /** In one append. The store takes 1 MiB. An atomic group must fit. */
  batchCommandsMax: number;
  batchBytesMax: number;
  /** How often a batch is decided before its commands are refused with `CONTENTION`. */
  attemptsMax: number;
  /** New events of a ledger between two snapshots: about as many are read, at most, when it is loaded. */
  snapshotEvery: number;
  /** Commands of one ledger in memory while they cannot be kept elsewhere; then `OVERLOADED`. */
  heldByLedgerMax: number;
  /**
   * How long states that were current when the store went away still count, so that read models can be read meanwhile.
   * About as long as a store that hangs is not noticed anyway; nothing can be written on them.
   */
  lastKnownMaxMs: number;
};

export const defaultLimits: Limits = {
  lanesMax: 50_000,
  heldCommandsMax: 300_000,
  waitingMax: 10_000,
  batchCommandsMax: 500,
  batchBytesMax: 960 * 1024,
  attemptsMax: 40,
  snapshotEvery: 500,
  heldByLedgerMax: 100_000,
  lastKnownMaxMs: 5_000,
};

export type Warn = (details: object, message: string) => void;
