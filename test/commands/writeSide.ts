import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommandContext } from "../../src/commands/commandContext.ts";
import { commandHandler, type Handler, type Running } from "../../src/commands/handler.ts";
import type { Limits } from "../../src/commands/limits.ts";
import { aggregates } from "../../src/domain/aggregates.ts";
import { type EmbeddedEventStore, startEventStore } from "../../src/embedded/eventStore.ts";
import { eventCodec } from "../../src/eventstore/codec.ts";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import { keptCommands } from "../../src/platform/commandMemory.ts";
import { keyedHash, newKey } from "../../src/platform/encryption.ts";
import { keyVault } from "../../src/platform/keyVault.ts";
import { openPool, type Pool, query, type Role } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { testDatabase } from "../support/database.ts";
import { FillPurse, purse } from "./purse.ts";

type Options = { url?: string; limits?: Partial<Limits>; isFollowing?: boolean };
export type Process = { handler: Running; store: ReturnType<typeof eventStoreDb>; stop(): Promise<void> };

export type WriteSide = {
  eventStore: EmbeddedEventStore;
  pool: Pool;
  /** As much of a process as writes: a connection, caches and lanes of its own. */
  process(options?: Options): Process;
  /** Throws away every snapshot and every remembered command. */
  forgetCommands(): Promise<void>;
  stop(): Promise<void>;
};

export const startWriteSide = async (): Promise<WriteSide> => {
  const directory = await mkdtemp(join(tmpdir(), "everfold-write-side-"));
  const [eventStore, database] = await Promise.all([startEventStore({ directory }), testDatabase()]);
  const poolOf = (role: Role) => {
    const bounds = { max: 4, idleTimeoutMs: 10_000, statementTimeoutMs: 10_000 };
    return openPool({ url: database.url, role, ...bounds, onError: () => undefined });
  };
  const [pool, ownerPool] = [poolOf("everfold_api"), poolOf("everfold_owner")];
  const masterKey = newKey();
  const hashInput = keyedHash(newKey());
  const running: Process[] = [];

  return {
    eventStore,
    pool,
    process({ url = eventStore.url, limits = {}, isFollowing = true } = {}) {
      const store = eventStoreDb({ url });
      const codec = eventCodec(keyVault({ pool, masterKey }));
      const categories = [...aggregates, purse].map(({ category }) => category);
      const handler = commandHandler({ store, codec, memory: keptCommands(pool), categories, hashInput, limits });
      if (isFollowing) handler.start();
      const stop = async () => {
        await handler.stop();
        await store.close();
      };
      const started = { handler, store, stop };
      running.push(started);
      return started;
    },
    async forgetCommands() {
      await query(ownerPool, sql`truncate runtime.command_results`);
      await query(ownerPool, sql`truncate runtime.stream_snapshots`);
    },
    async stop() {
      await Promise.all(running.map((process) => process.stop()));
      await Promise.all([pool.end(), ownerPool.end()]);
      await Promise.all([eventStore.stop(), database.drop()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
};

export const contextOf = (over: Partial<CommandContext> = {}): CommandContext => ({
  commandId: randomUUID(),
  requestId: randomUUID(),
  causationId: randomUUID(),
  now: new Date().toISOString(),
  actor: { kind: "user", id: randomUUID() },
  organizationId: null,
  workspaceId: null,
  sessionId: null,
  ip: "192.0.2.7",
  userAgent: "a test",
  ...over,
});

/** A new purse with this many coins. @returns its id */
export const openPurse = async (handler: Handler, coins: number): Promise<string> => {
  const purseId = randomUUID();
  await handler.handle(FillPurse, { purseId, coins }, contextOf());
  return purseId;
};

export const coinsIn = async (handler: Handler, purseId: string): Promise<number> =>
  (await handler.stateOf(purse, purseId)).state.coins;
