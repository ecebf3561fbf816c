import { execFile } from "node:child_process";
import { readdirSync, readlinkSync, watch } from "node:fs";
import { basename } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import fc from "fast-check";

const run = promisify(execFile);

/** When a round's server is killed: somewhere between two writes, in the middle of one, or before it serves at all. */
const moments = ["at any time", "in a commit", "in a checkpoint", "while it starts"] as const;

export type Round = {
  readonly moment: (typeof moments)[number];
  readonly delayMs: number;
  /** How long after it opened the write-ahead log each start that is to fail is killed. */
  readonly startsKilledAfterMs: readonly number[];
};

const delays = fc.record({
  delayMs: fc.integer({ min: 0, max: 700 }),
  startsKilledAfterMs: fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 3 }),
});

/** The same rounds for the same seed. Each moment has its turn. */
export const roundsOf = (seed: number, count: number): Round[] =>
  fc.sample(delays, { seed, numRuns: count }).map(({ delayMs, startsKilledAfterMs }, n) => {
    const moment = moments[n % moments.length] ?? "at any time";
    return { moment, delayMs, startsKilledAfterMs: moment === "while it starts" ? startsKilledAfterMs : [] };
  });

// The log is written to within a commit, the database itself only when a checkpoint takes the log over into it.
const fileWrittenAt = { "in a commit": "events.db-wal", "in a checkpoint": "events.db" };

/** Kills the serving process at the round's moment. */
export async function strike(pid: number, directory: string, { moment, delayMs }: Round): Promise<void> {
  await pause(delayMs);
  if (moment === "in a commit" || moment === "in a checkpoint") await written(directory, fileWrittenAt[moment]);
  process.kill(pid, "SIGKILL");
}

function written(directory: string, file: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(directory, (_, name) => {
      if (name !== file) return;
      watcher.close();
      resolve();
    });
  });
}

/** Kills the process that is about to serve `directory` soon after it has opened the log that it recovers from. */
export async function strikeWhileStarting(directory: string, afterMs: number): Promise<void> {
  const pid = await childServing(directory);
  while (!hasOpened(pid, "events.db-wal")) await pause(1);
  await pause(afterMs);
  process.kill(pid, "SIGKILL");
}

/** Kills a process of ours soon after it has begun to make the first file of an empty folder. */
export async function strikeWhileMaking(directory: string, afterMs: number): Promise<void> {
  const pid = await childServing(directory);
  while (readdirSync(directory).length === 0) await pause(1);
  await pause(afterMs);
  process.kill(pid, "SIGKILL");
}

async function childServing(directory: string): Promise<number> {
  for (;;) {
    const found = await run("pgrep", ["-P", String(process.pid), "-f", basename(directory)]).catch(() => undefined);
    if (found !== undefined) return Number.parseInt(found.stdout, 10);
  }
}

function hasOpened(pid: number, file: string): boolean {
  const descriptors = `/proc/${pid}/fd`;
  return readdirSync(descriptors).some((name) => {
    try {
      return readlinkSync(`${descriptors}/${name}`).endsWith(file);
    } catch {
      return false;
    }
  });
}
