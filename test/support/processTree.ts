import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

type Listed = { pid: number; parent: number; command: string };

/** A process and all below it. Its two servers are found by what they were started with, also without a parent. */
export type Tree = { pids: readonly number[]; eventStore: number | undefined; postmaster: number | undefined };

/** What `root` started, and what runs on `directory` whoever started it: an orphan belongs to the tree as well. */
export const treeOf = (root: number | undefined, directory: string): Tree => {
  const all = listed();
  const isServer = ({ command }: Listed) => [" ", "/"].some((end) => command.includes(` ${directory}${end}`));
  const roots = all.filter((each) => each.pid === root || isServer(each)).map(({ pid }) => pid);
  const childrenOf = (pids: readonly number[]): number[] =>
    pids.length === 0 ? [] : all.filter(({ parent }) => pids.includes(parent)).map(({ pid }) => pid);
  const pids = new Set(roots);
  for (let level = roots; level.length > 0; ) {
    level = childrenOf(level).filter((pid) => !pids.has(pid));
    for (const pid of level) pids.add(pid);
  }
  return {
    pids: [...pids],
    eventStore: all.find((each) => isServer(each) && each.command.includes("/eventstore/main.ts "))?.pid,
    postmaster: all.find((each) => isServer(each) && each.command.includes("/postgres -D "))?.pid,
  };
};

/** Of these, the processes that still run. */
export const stillRunning = (pids: readonly number[]): number[] => {
  const running = new Set(listed().map(({ pid }) => pid));
  return pids.filter((pid) => running.has(pid));
};

/** To each of them; one that ended meanwhile hears nothing. */
export const signalAll = (pids: readonly number[], signal: NodeJS.Signals): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }
};

/** Without those that have ended and only wait for a parent to take notice. */
const listed = (): Listed[] => (process.platform === "linux" ? listedInProc() : listedByPs());

const listedInProc = (): Listed[] =>
  readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const [state, parent] = readFileSync(`/proc/${name}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ");
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
      return state === "Z" || state === "X" ? [] : [{ pid: Number(name), parent: Number(parent), command }];
    } catch {
      // It ended while we looked.
      return [];
    }
  });

const listedByPs = (): Listed[] =>
  spawnSync("ps", ["-A", "-ww", "-o", "pid=,ppid=,stat=,args="], { encoding: "utf8" })
    .stdout.split("\n")
    .flatMap((line) => {
      const [, pid, parent, state, command] = /^ *(\d+) +(\d+) +(\S+) +(.*)$/.exec(line) ?? [];
      return state === undefined || state.startsWith("Z")
        ? []
        : [{ pid: Number(pid), parent: Number(parent), command: `${command} ` }];
    });
