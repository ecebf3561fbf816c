import { type ChildProcess, fork } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const entry = fileURLToPath(new URL("./eventstore/main.ts", import.meta.url));
const stopTimeoutMs = 10_000;
const respawnDelayMinMs = 50;
const respawnDelayMaxMs = 2_000;
const rapidFailuresMax = 5;
const stableAfterMs = 10_000;

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
  /** Called when the process keeps failing and is no longer started again. */
  readonly onExit?: (error: Error) => void;
};

/**
 * Starts the embedded event store in a process of its own. When that process dies, another one takes its place on the
 * same port, so that clients recover by themselves. Rejects when the folder is in use or damaged, or the port is taken.
 */
export async function startEventStore({ directory, port = 0, onExit }: EventStoreOptions): Promise<EmbeddedEventStore> {
  let running = await launch(directory, port);
  const servedPort = running.port;
  const stopping = new AbortController();

  const supervise = async () => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      const startedAt = performance.now();
      let reason = await running.exited;
      if (performance.now() - startedAt >= stableAfterMs) failures = 0;
      for (let isServing = false; !isServing && !stopping.signal.aborted; ) {
        failures += 1;
        if (failures > rapidFailuresMax) return onExit?.(gaveUp(reason));
        await backOff(failures, stopping.signal);
        if (stopping.signal.aborted) return;
        try {
          running = await launch(directory, servedPort);
          isServing = true;
        } catch (error) {
          reason = error instanceof Error ? error : new Error(String(error));
        }
      }
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
      // The process that was being started when the order to stop came.
      await end(running);
    },
  };
}

const gaveUp = (reason: Error) =>
  new Error(`The event store keeps failing and is not started again: ${reason.message}`, { cause: reason });

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
