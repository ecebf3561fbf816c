import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Config } from "./config.ts";
import { startEventStore } from "./embedded/eventStore.ts";
import { startPostgres } from "./embedded/postgres.ts";
import { DirectoryInUse, lockDirectory } from "./platform/directoryLock.ts";
import type { Log } from "./platform/log.ts";
import { openPool, type Pool, type Role } from "./platform/postgres.ts";

const Endpoints = z.object({ eventStoreUrl: z.string(), databaseUrl: z.string() });
type Endpoints = z.output<typeof Endpoints>;
export type Backends = Endpoints & { masterKey: Buffer };

/**
 * The event store and the database, embedded ones under DATA_DIR for those that no URL names. The directory is this
 * process's alone until `stack` is disposed of.
 *
 * Errors: `DirectoryInUse`; whatever keeps an embedded backend from starting, with what to do about it.
 */
export const startBackends = async (config: Config, log: Log, stack: AsyncDisposableStack): Promise<Endpoints> => {
  const { DATA_DIR: directory } = config;
  const unlock = await lockDirectory(directory);
  stack.defer(unlock);
  const [eventStoreUrl, databaseUrl] = await bothOrNeither(
    config.EVENTSTORE_URL ?? embeddedEventStore(config, log, stack),
    config.DATABASE_URL ?? embeddedPostgres(directory, log, stack),
  );
  await noteEndpoints(directory, { eventStoreUrl, databaseUrl });
  stack.defer(() => rm(endpointsFile(directory), { force: true }));
  return { eventStoreUrl, databaseUrl };
};

/**
 * For tools beside a running Everfold: its backends if one runs on this DATA_DIR, otherwise their own for as long as
 * `stack` lives.
 */
export const joinBackends = (config: Config, log: Log, stack: AsyncDisposableStack): Promise<Endpoints> =>
  unlessInUse(
    config,
    () => startBackends(config, log, stack),
    (endpoints) => endpoints,
  );

/** The same of the event store alone, which can then be reached when Postgres cannot be started. */
export const joinEventStore = async (config: Config, log: Log, stack: AsyncDisposableStack): Promise<string> => {
  if (config.EVENTSTORE_URL !== undefined) return config.EVENTSTORE_URL;
  const start = async () => {
    stack.defer(await lockDirectory(config.DATA_DIR));
    return embeddedEventStore(config, log, stack);
  };
  return unlessInUse(config, start, ({ eventStoreUrl }) => eventStoreUrl);
};

const unlessInUse = async <T>(
  { DATA_DIR }: Config,
  start: () => Promise<T>,
  join: (running: Endpoints) => T,
): Promise<T> => {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof DirectoryInUse)) throw error;
    return join(Endpoints.parse(JSON.parse(await readFile(endpointsFile(DATA_DIR), "utf8"))));
  }
};

/** Also when one fails the other is waited for: what is still being started nobody could stop. */
const bothOrNeither = async <T>(...starting: readonly [T | Promise<T>, T | Promise<T>]): Promise<[T, T]> => {
  await Promise.allSettled(starting);
  return Promise.all(starting);
};

const embeddedEventStore = async (config: Config, log: Log, stack: AsyncDisposableStack): Promise<string> => {
  const { DATA_DIR, EVENTSTORE_EMBEDDED_ACCESS: access } = config;
  const directory = join(DATA_DIR, "eventstore");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const store = await startEventStore({
    directory,
    ...(access && { access }),
    onFailure: (error) => log.error({ error }, "the event store is not running and is started again"),
  });
  stack.defer(() => store.stop());
  return store.url;
};

const embeddedPostgres = async (directory: string, log: Log, stack: AsyncDisposableStack): Promise<string> => {
  const postgres = await startPostgres({
    directory: join(directory, "postgres"),
    onLog: (line) => log.debug({ backend: "postgres" }, line),
    onFailure: (error) => log.error({ error }, "the embedded Postgres is not running and is started again"),
  });
  stack.defer(() => postgres.stop());
  return postgres.url;
};

const endpointsFile = (directory: string): string => join(directory, "endpoints.json");

/** The database's URL holds its password, and the event store's may. */
const noteEndpoints = async (directory: string, endpoints: Endpoints): Promise<void> => {
  const file = endpointsFile(directory);
  await writeFile(file, "", { mode: 0o600 });
  await chmod(file, 0o600);
  await writeFile(file, JSON.stringify(endpoints));
};

/** Connections that wait for what others tell, for as long as the pool lasts: they answer no request. */
const listening = 2;

/** Connections that have `role` from their start-up on, as many as the settings say; they end with `stack`. */
export const poolAs = (
  role: Role,
  { config, backends, log }: { config: Config; backends: Pick<Endpoints, "databaseUrl">; log: Log },
  stack: AsyncDisposableStack,
): Pool => {
  const pool = openPool({
    url: backends.databaseUrl,
    role,
    max: config.DATABASE_POOL_MAX + listening,
    idleTimeoutMs: config.DATABASE_IDLE_TIMEOUT_MS,
    statementTimeoutMs: config.DATABASE_STATEMENT_TIMEOUT_MS,
    onError: (error) => log.warn({ error, role }, "an idle connection to Postgres was lost"),
  });
  stack.defer(() => pool.end());
  return pool;
};
