import { type ChildProcess, fork } from "node:child_process";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type AccessMode, type Credentials, defaultAccessMode } from "./eventstore/accessMode.ts";
import type { Report, SupervisorsWord } from "./eventstore/supervised.ts";

const entry = fileURLToPath(new URL("./eventstore/main.ts", import.meta.url));
const stopTimeoutMs = 10_000;
const respawnDelayMinMs = 50;
const respawnDelayMaxMs = 2_000;
const stableAfterMs = 10_000;
/** What the process is told of our environment, where our secrets are. */
const inherited = ["TMPDIR", "NODE_V8_COVERAGE"];

export type EmbeddedEventStore = {
  /** A connection string for the official client; with access by `tls` it holds the password. */
  readonly url: string;
  /** Of the process that serves now; it changes when the process had to be started again. */
  readonly pid: number;
  /** Finishes what was accepted and ends the process. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

export type EventStoreOptions = {
  readonly directory: string;
  /** Any free port when absent. */
  readonly port?: number;
  /** Who else may use it: `same-user` where nothing is said on Linux, `tls` elsewhere. */
  readonly access?: AccessMode;
  /** For access by `tls`, in place of those that are made and kept in the folder. */
  readonly credentials?: Credentials;
  /** Called each time the process ended by itself or could not be started again; the next attempt follows. */
  readonly onFailure?: (reason: Error) => void;
};

/**
 * Starts the embedded event store in a process of its own. When that process dies, another one takes its place on the
 * same port, so that clients recover by themselves; that is tried for as long as it takes, since a full disk or a
 * folder that went away may come right. Rejects when the folder is in use or damaged, or the port is taken.
 */
export async function startEventStore(options: EventStoreOptions): Promise<EmbeddedEventStore> {
  const { onFailure } = options;
  let running = await launch(options, options.port ?? 0);
  const { port, connectionString } = running;
  const stopping = new AbortController();
  const { signal } = stopping;

  const launchAgain = async (): Promise<Error> => {
    try {
      running = await launch(options, port);
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
  const stop = async () => {
    stopping.abort();
    await end(running);
    await supervision;
  };
  return {
    url: connectionString,
    get pid() {
      return running.pid;
    },
    stop,
    [Symbol.asyncDispose]: stop,
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
  readonly connectionString: string;
  /** Resolves with the reason when the process has ended. */
  readonly exited: Promise<Error>;
};

async function launch(options: EventStoreOptions, port: number): Promise<Running> {
  const { directory, access = defaultAccessMode, credentials } = options;
  const child = fork(entry, ["--dir", resolve(directory), "--port", String(port), `--${access}`], {
    execPath: process.execPath,
    execArgv: [],
    env: Object.fromEntries(inherited.map((name) => [name, process.env[name]])),
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  let failure: string | undefined;
  const listening = new Promise<Served>((resolve) => {
    child.on("message", (report: Report) => {
      if ("failure" in report) failure = report.failure;
      else resolve(report);
    });
  });
  const exited = new Promise<Error>((resolve) => {
    child.once("error", resolve);
    child.once("close", (code, signal) => {
      resolve(new Error(failure ?? `The event store process ended with ${signal ?? `exit code ${code}`}.`));
    });
  });
  const word: SupervisorsWord = { credentials };
  // When it has ended before it could hear this, `exited` says so.
  child.send(word, () => {});
  const started = await Promise.race([listening, exited]);
  if (started instanceof Error) throw started;
  if (child.pid === undefined) throw await exited;
  return { child, pid: child.pid, ...started, exited };
}

type Served = Exclude<Report, { readonly failure: string }>;

async function end({ child, exited }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (child.connected) child.send("stop");
  const killer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  await exited;
  clearTimeout(killer);
}
