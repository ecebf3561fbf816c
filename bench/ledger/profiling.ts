import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { environmentOf, root, type Settings } from "../servers/everfoldProcess.ts";
import { profileReport, type Window } from "./profile.ts";

/** Everfold and its event store under the CPU profiler. Its report counts what was sampled inside the windows alone. */
export type Profiling = {
  /** What Everfold is to be started with. The event store is started here: it hands no Node options on. */
  settings(directory: string, stack: AsyncDisposableStack): Promise<Settings>;
  window(window: Window): void;
  /** To be asked when all processes have ended: they write their profiles last. */
  report(): Promise<string>;
};

const STOP_MAX_MS = 20_000;

export const cpuProfiling = (profiles: string): Profiling => {
  const windows: Window[] = [];
  let eventStore: number | undefined;
  const options = ["--cpu-prof", `--cpu-prof-dir=${profiles}`];
  return {
    async settings(directory, stack) {
      await mkdir(profiles, { recursive: true });
      const earlier = (await readdir(profiles)).filter((name) => name.endsWith(".cpuprofile"));
      if (earlier.length > 0) throw new Error(`${profiles} has profiles of an earlier run`);
      const store = await startEventStore(join(directory, "eventstore"), options, stack);
      eventStore = store.pid;
      return { EVENTSTORE_URL: store.url, NODE_OPTIONS: options.join(" ") };
    },
    window: (window) => windows.push(window),
    report: () => profileReport(profiles, windows, eventStore),
  };
};

const startEventStore = async (directory: string, options: readonly string[], stack: AsyncDisposableStack) => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const args = [...options, "--max-semi-space-size=8", "src/embedded/eventstore/main.ts", "--dir", directory];
  const child = spawn(process.execPath, [...args, "--port", "0"], {
    cwd: root,
    env: environmentOf(directory, {}),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  stack.defer(async () => {
    child.kill("SIGTERM");
    const impatience = setTimeout(() => child.kill("SIGKILL"), STOP_MAX_MS);
    await exited;
    clearTimeout(impatience);
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = line.match(/esdb:\S+/)?.[0];
    if (url !== undefined) return { url, pid: child.pid };
  }
  throw new Error("the event store did not say where it is");
};
