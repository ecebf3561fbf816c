import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { variables } from "../../src/config.ts";
import { signalAll, stillRunning, type Tree, treeOf } from "./processTree.ts";

/** Environment variables. */
type Settings = Readonly<Record<string, string>>;
type Ids = { uid?: number; gid?: number };

/** How a process ended; `errors` is what it wrote to stderr. */
type Ended = { code: number | null; signal: NodeJS.Signals | null; errors: string };

export type Started = {
  pid: number;
  /** Lines of stdout so far. */
  lines: readonly string[];
  /** The URL of the API, or the roles where there is none; does not settle when it ends instead. */
  ready: Promise<string>;
  /** Once it has closed its output too. */
  ended: Promise<Ended>;
  tree(): Tree;
  /** Orders it to stop and waits until it has; `group` signals all of its group, as Ctrl-C in a terminal does. */
  stop(signal?: "SIGINT" | "SIGTERM", to?: "process" | "group"): Promise<Ended>;
  /** SIGKILL for everything in the tree at once, orphans included. */
  kill(): Promise<void>;
};

/** One that is ready. */
export type EverfoldProcess = Started & { url: string };

const program = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const readyLine = /^Everfold is ready: (\S+)/;
const goneWithinMs = 30_000;
const lookEveryMs = 20;

/** A path where nothing is yet, which also a Postgres that runs as another user may reach. */
export const dataDirectory = async (stack: AsyncDisposableStack): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "everfold-process-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o711);
  return join(folder, "data");
};

/** `node src/main.ts` with nothing but these settings, whose whole tree is killed with `stack`. */
export const spawnEverfold = (
  stack: AsyncDisposableStack,
  settings: Settings & { DATA_DIR: string },
  ids: Ids = {},
): Started => {
  const child = spawn(process.execPath, [program], {
    ...ids,
    cwd: "/",
    env: environment(settings),
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own: what is sent to that group does not reach the tests.
    detached: true,
  });
  const { pid } = child;
  if (pid === undefined) throw new Error("the process could not be started");
  const lines: string[] = [];
  const ready = Promise.withResolvers<string>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    const [, url] = readyLine.exec(line) ?? [];
    if (url) ready.resolve(url);
  });
  const ended = endOf(child);
  const tree = () => treeOf(isRunning(child) ? pid : undefined, settings.DATA_DIR);
  const kill = async () => {
    // Again, for what was being started when the first look was taken.
    for (let { pids } = tree(); pids.length > 0; { pids } = tree()) {
      signalAll(pids, "SIGKILL");
      await untilGone(pids);
    }
    await ended;
  };
  stack.defer(kill);
  const stop: Started["stop"] = async (signal = "SIGTERM", to = "process") => {
    if (isRunning(child)) process.kill(to === "group" ? -pid : pid, signal);
    return ended;
  };
  return { pid, lines, ready: ready.promise, ended, tree, stop, kill };
};

/** Errors: what it wrote, when it ends instead. */
export const whenReady = async (started: Started): Promise<EverfoldProcess> => {
  const isOver = started.ended.then(({ code, signal, errors }) => {
    throw new Error(`Everfold ended with ${code ?? signal} instead of getting ready: ${errors}`);
  });
  return { ...started, url: await Promise.race([started.ready, isOver]) };
};

/** The same, once it is ready. */
export const everfoldProcess = (
  stack: AsyncDisposableStack,
  settings: Settings & { DATA_DIR: string },
): Promise<EverfoldProcess> => whenReady(spawnEverfold(stack, settings));

/** Settings of whoever runs the tests shall not reach it, but for the delay that the whole suite can be run with. */
const environment = (settings: Settings): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !variables.includes(name))),
  NODE_ENV: "test",
  PORT: "0",
  BCRYPT_COST: "4",
  RATE_LIMIT_MAX: "0",
  RATE_LIMIT_AUTH_MAX: "0",
  PROJECTION_DELAY_MS: process.env["PROJECTION_DELAY_MS"] ?? "0",
  ...settings,
});

const endOf = async (child: ChildProcess): Promise<Ended> => {
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const [code, signal] = await once(child, "close");
  return { code, signal, errors };
};

const isRunning = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null;

/** Errors: names the processes that are still there after half a minute. */
export const untilGone = async (pids: readonly number[]): Promise<void> => {
  const until = performance.now() + goneWithinMs;
  while (stillRunning(pids).length > 0) {
    if (performance.now() > until) throw new Error(`still running: ${stillRunning(pids).join(", ")}`);
    await delay(lookEveryMs);
  }
};
