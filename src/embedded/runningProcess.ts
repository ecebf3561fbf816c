import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

const pollIntervalMs = 20;

/** The arguments a process was started with, separated by blanks; empty when there is no such process. */
export const commandLineOf = async (pid: number): Promise<string> => {
  if (process.platform !== "linux") return shownByPs(pid, "command=");
  const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return words.replaceAll("\0", " ");
};

/** Undefined when there is no such process. */
export const parentOf = async (pid: number): Promise<number | undefined> => {
  const parent =
    process.platform === "linux"
      ? (await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")).replace(/^.*\) /s, "").split(" ")[1]
      : await shownByPs(pid, "ppid=");
  return parent?.trim() ? Number(parent) : undefined;
};

const shownByPs = (pid: number, column: string): Promise<string> =>
  promisify(execFile)("ps", ["-ww", "-o", column, "-p", String(pid)]).then(
    ({ stdout }) => `${stdout.trim()} `,
    () => "",
  );

/** Looks until it runs no more, or time is up: then false. */
export const isGone = async (isRunning: () => Promise<boolean>, timeoutMs: number): Promise<boolean> => {
  const deadline = performance.now() + timeoutMs;
  while (await isRunning()) {
    if (performance.now() > deadline) return false;
    await delay(pollIntervalMs);
  }
  return true;
};

/** That it ended meanwhile, or is not ours to signal, is no failure: whether it is gone is looked at next. */
export const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name);
  } catch {
    // See above.
  }
};
