import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const program = fileURLToPath(new URL("../../../src/embedded/eventstore/main.ts", import.meta.url));

type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

type SpawnedStore = {
  readonly child: ChildProcessWithoutNullStreams;
  /** Of standard output so far. */
  readonly lines: readonly string[];
  readonly errors: () => string;
  readonly ended: Promise<Ended>;
  /** The line that says what to connect with. Rejects with what it wrote when it ended instead. */
  readonly ready: Promise<string>;
};

/** The program as `npm run eventstore` starts it, ended with the test. */
export function spawnStore(args: readonly string[], options: { uid?: number; gid?: number; cwd?: string } = {}) {
  const child = spawn(process.execPath, [program, ...args], { cwd: "/", ...options });
  const lines: string[] = [];
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const ended: Promise<Ended> = once(child, "close").then(([code, signal]) => ({ code, signal }));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const ready = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line);
      if (line.startsWith("The event store is ready: ")) resolve(line);
    });
    ended.then(() => reject(new Error(errors)));
  });
  ready.catch(() => {});
  return { child, lines, errors: () => errors, ended, ready } satisfies SpawnedStore;
}

/** Out of the line that says it. */
export const urlIn = (line: string): string => /esdb:\S+/.exec(line)?.[0] ?? "";
