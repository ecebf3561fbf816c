import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type AccessMode, type Credentials, defaultAccessMode } from "./eventstore/access/accessMode.ts";
import type { Report, SupervisorsWord } from "./eventstore/supervised.ts";

const entry = fileURLToPath(new URL("./eventstore/main.ts", import.meta.url));
const stopTimeoutMs = 10_000;
const respawnDelayMinMs = 50;
const respawnDelayMaxMs = 2_000;
const stableAfterMs = 10_000;
/** Left alone, V8 lets its young objects take 128 MiB before it collects them; nothing here is quicker for it. */
const nodeOptions = ["--max-semi-space-size=16"];
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

export type EventStoreOptions = (Durable | InMemory) & {
  /** Any free port when absent. */
  readonly port?: number;
  /** Who else may use it: when absent `same-user` on Linux, `tls` elsewhere. */
  readonly access?: AccessMode;
  /** For access by `tls`, in place of those that are made and kept in the folder. */
  readonly credentials?: Credentials;
  /** Called each time the process ended by itself or could not be started again. */
  readonly onFailure?: (reason: Error) => void;
};

/** Where the events are kept; the folder is made when there is none. */
type Durable = { readonly directory: string; readonly memory?: false };
/** Events that are gone when the store stops. The folder then holds the certificate and password of `tls` only. */
type InMemory = { readonly memory: true; readonly directory?: string };

/**
 * Starts the embedded event store in a process of its own. When that process dies, another one takes its place on the
 * same port, so that clients recover by themselves; that is tried for as long as it takes, since a full disk or a
 * folder that went away may come right. With its events in memory alone it is not started again: an empty one in its
 * place would pass for one in which nothing ever happened.
 *
 * Rejects when the folder is in use or damaged, or the port is taken.
 */
export async function startEventStore(options: EventStoreOptions): Promise<EmbeddedEventStore> {
  const { access = defaultAccessMode } = options;
  checkCredentials(access, options.credentials);
  await using stack = new AsyncDisposableStack();
  const directory = options.directory ?? (access === "tls" ? await temporaryDirectory(stack) : undefined);
  const launchAt = (port: number) => launch({ ...options, access, directory }, port);
  const first = await launchAt(options.port ?? 0);
  const stopping = new AbortController();
  const supervision = options.memory
    ? watch(first, stopping.signal, options.onFailure)
    : keepRunning(first, () => launchAt(first.port), stopping.signal, options.onFailure);
  stack.defer(async () => {
    stopping.abort();
    await end(supervision.running());
    await supervision.ended;
  });
  const resources = stack.move();
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= resources.disposeAsync();
    return stopped;
  };
  return {
    url: first.connectionString,
    get pid() {
      return supervision.running().pid;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function checkCredentials(access: AccessMode, credentials: Credentials | undefined): void {
  if (credentials === undefined) return;
  if (access !== "tls") throw new Error("Credentials are asked for with access by tls only.");
  const { username, password } = credentials;
  // What Basic authentication can carry.
  if (username === "" || username.includes(":") || password === "")
    throw new Error("There must be a username, without a colon, and a password.");
}

/** For a certificate and a password that nobody keeps. */
async function temporaryDirectory(stack: AsyncDisposableStack): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "everfold-eventstore-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

type Supervision = { running(): Running; readonly ended: Promise<void> };

function watch(running: Running, stopped: AbortSignal, onFailure: EventStoreOptions["onFailure"]): Supervision {
  const ended = running.exited.then(({ message }) => {
    if (!stopped.aborted)
      onFailure?.(new Error(`${message} Its events were in memory alone: it is not started again.`));
  });
  return { running: () => running, ended };
}

function keepRunning(
  first: Running,
  relaunch: () => Promise<Running>,
  stopped: AbortSignal,
  onFailure: EventStoreOptions["onFailure"],
): Supervision {
  let running = first;
  const launchAgain = async (): Promise<Error> => {
    try {
      running = await relaunch();
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
    // The order to stop came while it was being started.
    if (stopped.aborted) await end(running);
    return running.exited;
  };
  const supervise = async (): Promise<void> => {
    let exited = running.exited;
    for (let failures = 0; ; ) {
      const startedAt = performance.now();
      const reason = await exited;
      if (stopped.aborted) return;
      onFailure?.(reason);
      failures = performance.now() - startedAt >= stableAfterMs ? 1 : failures + 1;
      await backOff(failures, stopped);
      if (stopped.aborted) return;
      exited = launchAgain();
    }
  };
  return { running: () => running, ended: supervise() };
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

type LaunchOptions = Pick<EventStoreOptions, "memory" | "credentials"> & {
  readonly access: AccessMode;
  readonly directory: string | undefined;
};

async function launch({ directory, memory, access, credentials }: LaunchOptions, port: number): Promise<Running> {
  const folder = directory === undefined ? [] : ["--dir", resolve(directory)];
  const args = [...folder, "--port", String(port), `--${access}`, ...(memory ? ["--memory"] : [])];
  const child = fork(entry, args, {
    execPath: process.execPath,
    execArgv: nodeOptions,
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
    child.on("error", resolve);
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
  // Of one that was killed just now the end may not have been heard yet: only `exited` says that it has come.
  if (child.connected) child.send("stop", () => {});
  const killer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  await exited;
  clearTimeout(killer);
}
