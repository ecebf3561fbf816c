import { fork } from "node:child_process";
import { once } from "node:events";

/** Debits of one credit each, round robin over the wallets, one in flight on each connection. */
export type Load = {
  port: number;
  token: string;
  /** Ids of workspaces. */
  wallets: readonly string[];
  connections: number;
  /** Sent, counted for the reconciliation and not measured: compilers and caches settle. */
  warmUpMs: number;
  measuredMs: number;
  /** No more requests than this, however much time is left. */
  requestsMax?: number;
};

export type Measured = {
  /** Answers inside the measured time, and how long their requests took. */
  debitsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Debits acknowledged with 201 from beginning to end, by wallet in the order of the load. */
  acknowledged: readonly number[];
  /** What else came, as sentences; with any of them the figures mean nothing. */
  faults: readonly string[];
  /** Cores the generator itself used while it measured. */
  generatorCores: number;
};

const generator = new URL("./generator.ts", import.meta.url);
/** On top of the load's own time: connecting, and the last answers. */
const GRACE_MS = 60_000;

/** Runs the load in a process of its own, so that neither side's server shares its thread. */
export const applyLoad = async (load: Load): Promise<Measured> => {
  const child = fork(generator, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), load.warmUpMs + load.measuredMs + GRACE_MS);
  const exited = once(child, "exit").then(([code, signal]) => {
    throw new Error(`the load generator ended without a result (${signal ?? code})`);
  });
  child.send(load);
  try {
    const [measured]: Measured[] = await Promise.race([once(child, "message"), exited]);
    if (measured === undefined) throw new Error("the load generator sent nothing");
    return measured;
  } finally {
    clearTimeout(timer);
    exited.catch(() => undefined);
    child.kill();
  }
};
