import { type ChildProcess, fork } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const entry = fileURLToPath(new URL("./eventstore/main.ts", import.meta.url));
const stopTimeoutMs = 10_000;
const respawnDelayMinMs = 50;
const respawnDelayMaxMs = 2_000;
const rapidFailuresMax = 5;
const stableAfterMs = 10_000;
const lastWordsMax = 4_096;

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
 * Starts the embedded event store in a process of its own. When that process dies, another one takes its place on the same
 * port, so that clients recover by themselves. Rejects when the folder is in use or damaged, or the port is taken.
 */
export async function startEventStore({ directory, port = 0, onExit }: EventStoreOptions): Promise<EmbeddedEventStore> {
  let running = await launch(directory, port);
  let isStopping = false;
  const servedPort = running.port;

  const supervise = async () => {
    let failures = 0;
    while (!isStopping) {
      const startedAt = performance.now();
      const reason = await running.exited;
      if (isStopping) return;
      failures = performance.now() - startedAt >= stableAfterMs ? 1 : failures + 1;
      const next = await respawn(failures, reason);
      if (next === undefined) return;
      running = next;
    }
  };

  const respawn = async (failuresSoFar: number, firstReason: Error): Promise<Running | undefined> => {
    let reason = firstReason;
    for (let failures = failuresSoFar; failures <= rapidFailuresMax; failures += 1) {
      await pause(Math.min(respawnDelayMaxMs, respawnDelayMinMs * 2 ** (failures - 1)));
      if (isStopping) return undefined;
      try {
        return await launch(directory, servedPort);
      } catch (error) {
        reason = error instanceof Error ? error : new Error(String(error));
      }
    }
    onExit?.(new Error(`The event store keeps failing and was given up: ${reason.message}`, { cause: reason }));
    return undefined;
  };

  const supervision = supervise();
  return {
    url: `esdb://127.0.0.1:${servedPort}?tls=false`,
    get pid() {
      return running.pid;
    },
    async stop() {
      isStopping = true;
      await end(running);
      await supervision;
      await end(running);
    },
  };
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
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const lastWords = hear(child);
  const exited = new Promise<Error>((resolve) => {
    child.once("error", resolve);
    child.once("close", (code, signal) => {
      resolve(new Error(lastWords() || `The event store ended with ${signal ?? `exit code ${code}`}.`));
    });
  });
  const listening = new Promise<number>((resolve) => {
    child.on("message", (message) => {
      const served = portOf(message);
      if (served !== undefined) resolve(served);
    });
  });
  const outcome = await Promise.race([listening, exited]);
  if (typeof outcome !== "number" || child.pid === undefined) throw outcome instanceof Error ? outcome : await exited;
  return { child, pid: child.pid, port: outcome, exited };
}

function portOf(message: unknown): number | undefined {
  const isReport = typeof message === "object" && message !== null && "port" in message;
  return isReport && typeof message.port === "number" ? message.port : undefined;
}

// What the process says on stderr is passed on, and its end is kept to explain why it died.
function hear(child: ChildProcess): () => string {
  let heard = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    heard = (heard + text).slice(-lastWordsMax);
  });
  return () => heard.trim();
}

async function end({ child, exited }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (child.connected) child.send("stop");
  const killer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  await exited;
  clearTimeout(killer);
}
