import { type ChildProcess, fork } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const entry = fileURLToPath(new URL("./eventstore/main.ts", import.meta.url));
const stopTimeoutMs = 10_000;
const respawnDelayMinMs = 50;
const respawnDelayMaxMs = 2_000;
const stableAfterMs = 10_000;
/** What the process is told of our environment, where our secrets are. */
const inherited = ["TMPDIR", "NODE_V8_COVERAGE"];

export type EmbeddedEventStore = {
  /** A connection string for the official client. */
  readonly url: string;
  /** Of the process that serves now; it changes when the process had to be started again. */
  readonly pid: number;
  /** Finishes what was accepted and ends the process. */
  stop(): Promise<void>;
};

export type EventStoreOptions = {
  readonly directory: string;
  /** Any free port when absent. */
  readonly port?: number;
  /** Called each time the process ended by itself or could not be started again; the next attempt follows. */
  readonly onFailure?: (reason: Error) => void;
};

/**
 * Starts the embedded event store in a process of its own. When that process dies, another one takes its place on the
 * same port, so that clients recover by themselves; that is tried for as long as it takes, since a full disk or a
 * folder that went away may come right. Rejects when the folder is in use or damaged, or the port is taken.
 */
export async function startEventStore(options: EventStoreOptions): Promise<EmbeddedEventStore> {
  const { directory, onFailure } = options;
  let running = await launch(directory, options.port ?? 0);
  const servedPort = running.port;
  const stopping = new AbortController();
  const { signal } = stopping;

  const launchAgain = async (): Promise<Error> => {
    try {
      running = await launch(directory, servedPort);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
    // The order to stop came while it was being started.
    if (signal.aborted) await end(running);
    return running.exited;
  };
  const supervise = async (): Promise<void> => {
    let exited = running.exited;
    for (let failures = 0; ; ) {
      const startedAt = performance.now();
      const reason = await exited;
      if (signal.aborted) return;
      onFailure?.(reason);
      failures = performance.now() - startedAt >= stableAfterMs ? 1 : failures + 1;
      await backOff(failures, signal);
      if (signal.aborted) return;
      exited = launchAgain();
    }
  };

  const supervision = supervise();
  return {
    url: `esdb://127.0.0.1:${servedPort}?tls=false`,
    get pid() {
      return running.pid;
    },
    async stop() {
      stopping.abort();
      await end(running);
      await supervision;
    },
  };
}

async function backOff(failures: number, signal: AbortSignal): Promise<void> {
  const delayMs = Math.min(respawnDelayMaxMs, respawnDelayMinMs * 2 ** (failures - 1));
  await pause(delayMs, undefined, { signal }).catch(() => {});
}

type Running = {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly port: number;
  /** Resolves with the reason when the process has ended. */
  readonly exited: Promise<Error>;
};

async function launch(directory: string, port: number): Promise<Running> {
  const child = fork(entry, ["--dir", directory, "--port", String(port)], {
    execPath: process.execPath,
    execArgv: [],
    env: Object.fromEntries(inherited.map((name) => [name, process.env[name]])),
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  let failure: string | undefined;
  const listening = new Promise<number>((resolve) => {
    child.on("message", (message) => {
      const report = reportOf(message);
      if (typeof report === "number") resolve(report);
      else failure = report;
    });
  });
  const exited = new Promise<Error>((resolve) => {
    child.once("error", resolve);
    child.once("close", (code, signal) => {
      resolve(new Error(failure ?? `The event store process ended with ${signal ?? `exit code ${code}`}.`));
    });
  });
  const started = await Promise.race([listening, exited]);
  if (typeof started !== "number") throw started;
  if (child.pid === undefined) throw await exited;
  return { child, pid: child.pid, port: started, exited };
}

/** The port it listens on, or why it does not. */
function reportOf(message: unknown): number | string | undefined {
  if (typeof message !== "object" || message === null) return undefined;
  if ("listeningOn" in message && typeof message.listeningOn === "number") return message.listeningOn;
  return "failure" in message && typeof message.failure === "string" ? message.failure : undefined;
}

async function end({ child, exited }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (child.connected) child.send("stop");
  const killer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  await exited;
  clearTimeout(killer);
}
