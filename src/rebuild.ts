import { parseArgs } from "node:util";
import { type Options, Presets, SingleBar } from "cli-progress";
import { joinBackends } from "./backends.ts";
import { environment, readConfig } from "./config.ts";
import { checkpointsOf } from "./eventstore/checkpoints.ts";
import { eventCodec } from "./eventstore/codec.ts";
import { eventStoreDb } from "./eventstore/esdb.ts";
import { foreign } from "./eventstore/foreignCheckpoints.ts";
import type { EventStore } from "./eventstore/store.ts";
import { forgetKeptCommands } from "./platform/commandMemory.ts";
import { keyVault } from "./platform/keyVault.ts";
import { createLog } from "./platform/log.ts";
import { openMasterKey } from "./platform/masterKey.ts";
import { migrate } from "./platform/migrations.ts";
import { openPool, type Pool, type Role } from "./platform/postgres.ts";
import { projections } from "./projections/all.ts";
import { rebuild } from "./projections/rebuild.ts";

const known = projections.map(({ name }) => name);
const usage = `Usage: npm run rebuild [name]    all projections, or one of ${known.join(", ")}
Fills them anew from the events, beside the live rows, which serve until they are exchanged. Works while Everfold runs.
Where Postgres does not belong to the event store any more, because that was moved or put back, all projections have to
be rebuilt, and what else Postgres keeps of positions in it is forgotten.
`;

/** One for the lease and the copies, one for the exchange, one for keys. */
const CONNECTIONS_MAX = 3;

const bar: Options = {
  format: "{name} |{bar}| {percentage}% · {events} events, {rate}/s · {eta_formatted} left",
  hideCursor: true,
  noTTYOutput: true,
  notTTYSchedule: 5_000,
};

const run = async (names: readonly string[], signal: AbortSignal): Promise<void> => {
  const config = readConfig(environment());
  const log = createLog("error");
  await using stack = new AsyncDisposableStack();
  const { databaseUrl: url, eventStoreUrl } = await joinBackends(config, log, stack);
  await migrate(url);
  const pool = (role: Role) => {
    const opened = openPool({
      url,
      role,
      max: CONNECTIONS_MAX,
      idleTimeoutMs: config.DATABASE_IDLE_TIMEOUT_MS,
      statementTimeoutMs: config.DATABASE_STATEMENT_TIMEOUT_MS,
      onError: (error) => log.error({ error }, "a connection to Postgres was lost"),
    });
    stack.defer(() => opened.end());
    return opened;
  };
  const store = eventStoreDb({ url: eventStoreUrl });
  stack.defer(() => store.close());
  const api = pool("everfold_api");
  const masterKey = await openMasterKey(api, { given: config.ENCRYPTION_MASTER_KEY, dataDir: config.DATA_DIR });
  const codec = eventCodec(keyVault({ pool: api, masterKey }));
  const options = { store, codec, projections, log, pool: pool("everfold_projector") };
  await beginAnewWhereForeign({ ...options, api, names });

  for (const projection of projections.filter(({ name }) => names.includes(name))) {
    const progress = progressOf(projection.name);
    try {
      await rebuild(options, projection, { signal, isAsked: true, onProgress: progress.show });
      progress.end();
    } finally {
      progress.stop();
    }
  }
};

type Backends = { store: EventStore; pool: Pool; api: Pool; names: readonly string[] };

/** Last of all the projections get their new checkpoints: until then every start finds out again. */
const beginAnewWhereForeign = async ({ store, pool, api, names }: Backends): Promise<void> => {
  const reason = await foreign(store, (await checkpointsOf(pool, known)).values());
  if (reason === undefined) return;
  if (names.length < known.length) throw new Error(`${reason}. All projections have to be rebuilt: npm run rebuild`);
  process.stderr.write(`${reason}.\nAll that Postgres keeps of positions in it is made anew.\n`);
  await forgetKeptCommands(api);
};

const progressOf = (name: string) => {
  const single = new SingleBar(bar, Presets.shades_classic);
  const startedAt = performance.now();
  let seen = { position: 0, target: 0, events: 0 };
  const payload = () => {
    const seconds = (performance.now() - startedAt) / 1_000;
    return { name: name.padEnd(nameWidth), events: seen.events, rate: Math.round(seen.events / seconds) };
  };
  single.start(1, 0, { name: name.padEnd(nameWidth), events: 0, rate: 0 });
  return {
    show: ({ position, target, events }: { position: bigint; target: bigint; events: number }) => {
      seen = { position: Math.max(Number(position), 0), target: Math.max(Number(target), 1), events };
      single.setTotal(seen.target);
      single.update(seen.position, payload());
    },
    end: () => single.update(single.getTotal(), payload()),
    stop: () => single.stop(),
  };
};
const nameWidth = Math.max(...known.map(({ length }) => length));

const { positionals: names } = parseArgs({ allowPositionals: true });
if (names.every((name) => known.includes(name))) {
  const stopping = new AbortController();
  for (const order of ["SIGINT", "SIGTERM"]) process.once(order, () => stopping.abort());
  await run(names.length === 0 ? known : names, stopping.signal).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    process.stderr.write(stopping.signal.aborted ? "Stopped: the rows are as they were.\n" : `${reason}\n`);
    process.exitCode = 1;
  });
} else {
  process.stderr.write(usage);
  process.exitCode = 2;
}
