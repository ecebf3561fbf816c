import { joinBackends, joinEventStore, poolAs } from "./backends.ts";
import type { Sealing } from "./commands/credits/seals.ts";
import { type Config, environment, readConfig } from "./config.ts";
import type { Seal } from "./domain/credits/ledgerSeal.ts";
import { eventCodec } from "./eventstore/codec.ts";
import { eventStoreDb } from "./eventstore/esdb.ts";
import type { EventStore } from "./eventstore/store.ts";
import { keyVault } from "./platform/keyVault.ts";
import { createLog } from "./platform/log.ts";
import { openMasterKey } from "./platform/masterKey.ts";
import type { Pool } from "./platform/postgres.ts";
import type { SealKeys } from "./platform/sealKeys.ts";
import { installedSealKeys, sealedNow, sealingWith } from "./sealing.ts";
import { writeSide } from "./writeSide.ts";

const log = createLog("error");
const now = () => new Date().toISOString();

const openStore = (url: string, stack: AsyncDisposableStack): EventStore => {
  const store = eventStoreDb({ url });
  stack.defer(() => store.close());
  return store;
};

type Audited = { store: EventStore; rows: Pool };

/** What `npm start` would use, or uses at the moment. `rows` sees those of all tenants. */
export const auditedBackends = async (stack: AsyncDisposableStack): Promise<Audited> => {
  const config = readConfig(environment());
  const backends = await joinBackends(config, log, stack);
  const rows = poolAs("everfold_projector", { config, backends, log }, stack);
  return { store: openStore(backends.eventStoreUrl, stack), rows };
};

/** With its master key, under which the keys that seal are. */
export const auditedVault = (stack: AsyncDisposableStack): Promise<{ keys: SealKeys }> =>
  withKeys(readConfig(environment()), stack);

const withKeys = async (
  config: Config,
  stack: AsyncDisposableStack,
): Promise<{ store: EventStore; keys: SealKeys; sealing: Sealing }> => {
  const backends = await joinBackends(config, log, stack);
  const pool = poolAs("everfold_api", { config, backends, log }, stack);
  const masterKey = await openMasterKey(pool, { given: config.ENCRYPTION_MASTER_KEY, dataDir: config.DATA_DIR });
  const keys = await installedSealKeys(pool, masterKey);
  const store = openStore(backends.eventStoreUrl, stack);
  const codec = eventCodec(keyVault({ pool, masterKey }));
  const handler = writeSide({ config, store, codec, pool, masterKey, log }, stack);
  return { store, keys, sealing: sealingWith({ handler, store, keys }) };
};

/**
 * The event store, and how ledgers in it are sealed: not at all where Postgres or the master key cannot be had, which
 * `onUnsealed` is told the reason of.
 */
export const auditedStore = async (
  stack: AsyncDisposableStack,
  onUnsealed: (reason: string) => void,
): Promise<{ store: EventStore; seal: (workspaceId: string) => Promise<Seal | undefined> }> => {
  const config = readConfig(environment());
  const attempt = new AsyncDisposableStack();
  try {
    const { store, sealing } = await withKeys(config, attempt);
    stack.use(attempt);
    return { store, seal: sealedNow(sealing, now) };
  } catch (error) {
    await attempt.disposeAsync();
    onUnsealed(error instanceof Error ? error.message : String(error));
    return { store: openStore(await joinEventStore(config, log, stack), stack), seal: async () => undefined };
  }
};
