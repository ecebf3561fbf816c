import { createServer } from "node:net";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Cluster, openCluster, superuser } from "./postgres/cluster.ts";
import { stopOrphan } from "./postgres/orphan.ts";
import { launch, type Postmaster } from "./postgres/postmaster.ts";
import { unusable } from "./postgres/unusable.ts";

type EmbeddedPostgres = {
  /** Of the database `postgres`, as superuser, password included. */
  url: string;
  /** In order: running statements are cancelled, everything is written out. Safe to call twice. */
  stop(): Promise<void>;
};

const START_ATTEMPTS_MAX = 10;
const RETRY_DELAY_MIN_MS = 50;
const RETRY_DELAY_MAX_MS = 5_000;
const FAST_SHUTDOWN_MS = 20_000;

/** What passes by itself: the last processes of a server that was killed are still there. */
const isPassing = (error: unknown) => /pre-existing shared memory block/.test(String(error));
/** Somebody took the port between our choice and the server's use of it. */
const isPortTaken = (error: unknown) => /Address already in use/.test(String(error));

/**
 * Runs a Postgres under `directory` for as long as this process lives; makes the database cluster at the first start.
 * The caller holds the lock on `directory`. A server that dies is started again on the same port.
 *
 * @throws Error that says what is wrong with the folder and what can be done about it
 */
export const startPostgres = async (options: {
  directory: string;
  /** A free one when not given. */
  port?: number;
  onLog?: (line: string) => void;
  /** Hears why the server is not running; it is started again by itself. */
  onFailure?: (error: Error) => void;
}): Promise<EmbeddedPostgres> => {
  const directory = resolve(options.directory);
  const { onLog = () => undefined, onFailure = () => undefined } = options;
  try {
    const cluster = await openCluster(directory);
    await stopOrphan(cluster.data);
    const { port, postmaster } = await firstLaunch(cluster, options.port, onLog);
    const stop = keepRunning(postmaster, () => launch(cluster, port, onLog), onFailure);
    return { url: `postgres://${superuser}:${cluster.password}@127.0.0.1:${port}/postgres`, stop };
  } catch (cause) {
    throw await unusable(directory, cause);
  }
};

const firstLaunch = async (
  cluster: Cluster,
  wantedPort: number | undefined,
  onLog: (line: string) => void,
  attempt = 1,
): Promise<{ port: number; postmaster: Postmaster }> => {
  const port = wantedPort ?? (await freePort());
  try {
    return { port, postmaster: await launch(cluster, port, onLog) };
  } catch (error) {
    const mayPass = isPassing(error) || (wantedPort === undefined && isPortTaken(error));
    if (!mayPass || attempt === START_ATTEMPTS_MAX) throw error;
    await delay(RETRY_DELAY_MIN_MS * attempt);
    return firstLaunch(cluster, wantedPort, onLog, attempt + 1);
  }
};

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (address && typeof address === "object" ? resolve(address.port) : reject(address)));
    });
  });

/** Starts the server again whenever it ends, until the function given back is called. */
const keepRunning = (
  first: Postmaster,
  relaunch: () => Promise<Postmaster>,
  onFailure: (error: Error) => void,
): (() => Promise<void>) => {
  const stopping = new AbortController();
  let current = first;
  // An exit that nobody ordered (an uncaught error) leaves no server behind either.
  const onExit = () => current.kill("SIGINT");
  process.once("exit", onExit);

  const supervise = async (): Promise<void> => {
    await current.exited;
    if (!stopping.signal.aborted) onFailure(new Error("Postgres ended unexpectedly"));
    let delayMs = RETRY_DELAY_MIN_MS;
    while (!stopping.signal.aborted) {
      const waited = delay(delayMs, undefined, { signal: stopping.signal });
      const next = await waited.then(relaunch).catch((error: unknown) => {
        if (!stopping.signal.aborted) onFailure(new Error("Postgres could not be started again", { cause: error }));
      });
      if (next) {
        current = next;
        if (stopping.signal.aborted) current.kill("SIGINT");
        return supervise();
      }
      delayMs = Math.min(delayMs * 2, RETRY_DELAY_MAX_MS);
    }
  };
  const supervised = supervise();

  return async () => {
    stopping.abort();
    current.kill("SIGINT");
    const impatience = setTimeout(() => current.kill("SIGQUIT"), FAST_SHUTDOWN_MS);
    await supervised;
    clearTimeout(impatience);
    process.removeListener("exit", onExit);
  };
};
