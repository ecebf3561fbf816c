import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { commandLineOf, isGone, signal } from "../runningProcess.ts";

const FAST_SHUTDOWN_MS = 20_000;
const IMMEDIATE_SHUTDOWN_MS = 5_000;

/**
 * Stops a server that outlived the process that started it. Whoever calls this holds the lock on the data folder, so
 * a server that still runs on it belongs to nobody.
 */
export const stopOrphan = async (data: string): Promise<void> => {
  const pidFile = join(data, "postmaster.pid");
  const pid = Number((await readFile(pidFile, "utf8").catch(() => "")).split("\n")[0]);
  if (!Number.isInteger(pid) || pid <= 0) return;
  const isRunning = async () => (await commandLineOf(pid)).includes(` -D ${data} `);
  if (!(await isRunning())) {
    // The id may by now be that of any other process, and Postgres would take that one for a server and not start.
    await rm(pidFile, { force: true });
    return;
  }
  signal(pid, "SIGINT");
  if (await isGone(isRunning, FAST_SHUTDOWN_MS)) return;
  signal(pid, "SIGQUIT");
  if (!(await isGone(isRunning, IMMEDIATE_SHUTDOWN_MS)))
    throw new Error(`a Postgres that an earlier run left behind (process ${pid}) does not stop`);
};
