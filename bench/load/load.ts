import { fork } from "node:child_process";
import { once } from "node:events";
import type { RequestName, Server } from "./requests.ts";

/** Requests of one kind, round robin over the wallets, one in flight on each connection. */
export type Load = {
  /** Connections are shared out among them evenly. */
  servers: readonly Server[];
  /** Ids of workspaces. */
  wallets: readonly string[];
  request: RequestName;
  connections: number;
  /** Sent, counted for the reconciliation and not measured: compilers and caches settle. */
  warmUpMs: number;
  measuredMs: number;
  /** An open loop: requests are due at this rate, whether or not answers come. Without it each answer is waited for. */
  ratePerSecond?: number;
  /** No more requests than this, however much time is left. */
  requestsMax?: number;
};

/** When an answer said up to where it had written, by the clock that all processes of the machine share. */
export type Acknowledgement = { atMs: number; position: string };

export type Measured = {
  /** Answers inside the measured time; a bulk request is one. */
  answersPerSecond: number;
  /** Debits acknowledged inside the measured time. */
  debits: number;
  debitsPerSecond: number;
  /** Of requests that were due in the measured time (open loop) or answered in it (closed loop). */
  p50Ms: number;
  p99Ms: number;
  /** Debits acknowledged from beginning to end, by wallet in the order of the load. */
  acknowledged: readonly number[];
  /** Samples of the measured time, some milliseconds apart. */
  acknowledgements: readonly Acknowledgement[];
  /** Requests of an open loop that were due and could not be sent, since every connection waited for an answer. */
  unsent: number;
  /** Reads that were told to come back later. */
  late: number;
  /** What else came, as sentences; with any of them the figures mean nothing. */
  faults: readonly string[];
  /** CPU time the generator itself used while it measured. */
  generatorCpuMs: number;
};

/** What the generator says: when it begins and ends to measure, and what came out. */
export type Said = { at: "begin" | "end" } | { measured: Measured };

const generator = new URL("./generator.ts", import.meta.url);
/** On top of the load's own time: connecting, and the last answers. */
const GRACE_MS = 60_000;

/**
 * Runs the load in a process of its own, so that neither side's server shares its thread. `onWindow` hears when the
 * measured time begins and ends.
 */
export const applyLoad = async (
  load: Load,
  onWindow: (at: "begin" | "end") => void = () => undefined,
): Promise<Measured> => {
  const child = fork(generator, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), load.warmUpMs + load.measuredMs + GRACE_MS);
  const exited = once(child, "exit").then(([code, signal]) => {
    throw new Error(`the load generator ended without a result (${signal ?? code})`);
  });
  const result = new Promise<Measured>((resolve) => {
    child.on("message", (said: Said) => ("measured" in said ? resolve(said.measured) : onWindow(said.at)));
  });
  child.send(load);
  try {
    return await Promise.race([result, exited]);
  } finally {
    clearTimeout(timer);
    exited.catch(() => undefined);
    child.kill();
  }
};
