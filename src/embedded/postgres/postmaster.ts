import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type Cluster, serverEnvironment } from "./cluster.ts";
import { runAs } from "./serverUser.ts";

/** One running server process. */
export type Postmaster = { kill(signal: NodeJS.Signals): void; exited: Promise<unknown> };

/** Lines of the server's log kept to explain a start that failed. */
const LINES_KEPT_MAX = 8;

const ready = "database system is ready to accept connections";

/** Small enough for a laptop; what makes a commit durable (fsync, synchronous_commit) stays as Postgres has it. */
const settings = (port: number): Record<string, string | number> => ({
  port,
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: 100,
  shared_buffers: "128MB",
  io_method: "sync",
  timezone: "UTC",
  log_timezone: "UTC",
  lc_messages: "C",
  log_min_messages: "error",
});

/** Resolves when the server takes connections; rejects with its last words when it ends before. */
export const launch = async (
  { postgres, data, user }: Cluster,
  port: number,
  onLog: (line: string) => void,
): Promise<Postmaster> => {
  const options = Object.entries(settings(port)).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const { file, args, ids } = runAs(user, postgres, ["-D", data, ...options]);
  const child = spawn(file, args, {
    ...ids,
    cwd: "/",
    env: serverEnvironment,
    stdio: ["ignore", "ignore", "pipe"],
    // In a session of its own, Ctrl-C in our terminal does not reach it: we stop it, after everything that uses it.
    detached: true,
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  await readiness(child, onLog);
  return { kill: (signal) => child.kill(signal), exited };
};

const readiness = async (child: ChildProcess, onLog: (line: string) => void): Promise<void> => {
  const lastLines: string[] = [];
  const isReady = Promise.withResolvers<void>();
  if (child.stderr)
    createInterface({ input: child.stderr }).on("line", (line) => {
      onLog(line);
      lastLines.push(line);
      if (lastLines.length > LINES_KEPT_MAX) lastLines.shift();
      if (line.includes(ready)) isReady.resolve();
    });
  const ended = once(child, "close").then(([code, signal]) => {
    const lastWords = lastLines.map((line) => line.replace(/^.*?\[\d+\] /, "")).join(" ");
    throw new Error(lastWords || `the server ended with ${code ?? signal}`);
  });
  await Promise.race([isReady.promise, ended]);
};
