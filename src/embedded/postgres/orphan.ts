import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

const POLL_INTERVAL_MS = 20;
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
  const isRunning = async () => (await commandLine(pid)).includes(` -D ${data} `);
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

const isGone = async (isRunning: () => Promise<boolean>, timeoutMs: number): Promise<boolean> => {
  const deadline = performance.now() + timeoutMs;
  while (await isRunning()) {
    if (performance.now() > deadline) return false;
    await delay(POLL_INTERVAL_MS);
  }
  return true;
};

const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name);
  } catch {
    // It ended between our looking and now, or is not ours to stop: whether it is gone is looked at next.
  }
};

/** Arguments separated by blanks; empty when there is no such process. */
const commandLine = async (pid: number): Promise<string> => {
  if (process.platform === "linux") {
    const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    return words.replaceAll("\0", " ");
  }
  return promisify(execFile)("ps", ["-o", "command=", "-p", String(pid)]).then(
    ({ stdout }) => stdout,
    () => "",
  );
};
