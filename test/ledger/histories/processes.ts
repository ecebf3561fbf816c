import { commandHandler } from "../../../src/commands/handler.ts";
import { defaultLimits, type Limits } from "../../../src/commands/limits.ts";
import { eventCodec } from "../../../src/eventstore/codec.ts";
import { eventStoreDb } from "../../../src/eventstore/esdb.ts";
import { keptCommands } from "../../../src/platform/commandMemory.ts";
import { keyedHash, newKey } from "../../../src/platform/encryption.ts";
import { openPool } from "../../../src/platform/postgres.ts";
import { startLossyProxy } from "../../commands/lossyProxy.ts";
import type { WriteSide } from "../../commands/writeSide.ts";
import { delivering } from "../deliver.ts";
import type { Random } from "../random.ts";
import { ledgerCommands } from "../requests.ts";

/** A process as its callers see it: it may be dead, and then nothing it says counts. */
type Server = {
  deliver: ReturnType<typeof delivering>;
  loseAnswers(): void;
  /** Cuts all its connections: what it goes on doing reaches neither the event store nor the memory. */
  kill(): Promise<void>;
  isDead(): boolean;
  died: Promise<undefined>;
};

export type Servers = {
  pick(random: Random): Server;
  /** The next answer of the event store to one of them is lost, with its connection. */
  loseAnswer(random: Random): void;
  /** One of them dies in the middle of what it does; another one takes its place, with limits by the same chance. */
  killOne(random: Random): Promise<void>;
  killStore(): void;
  forgetCommands(): Promise<void>;
  /** Events of a stream, read past all trouble. */
  read: ReturnType<typeof eventStoreDb>["read"];
  stop(): Promise<void>;
};

/** Small, so that lanes come and go and commands are looked up where they are kept. */
const limitsOf = (random: Random): Partial<Limits> => ({
  lanesMax: random.pick([1, 3, defaultLimits.lanesMax]),
  snapshotEvery: random.pick([2, 5, defaultLimits.snapshotEvery]),
  batchCommandsMax: random.pick([1, 3, defaultLimits.batchCommandsMax]),
});

/** Nothing in a ledger's events is personal. */
const codec = eventCodec({ keysToRead: async () => new Map(), keysToWrite: async () => new Map() });

/** One for all, since they know one another's commands by it. */
const hashInput = keyedHash(newKey());

const databaseOf = ({ pool }: WriteSide): string => {
  const { connectionString } = pool.options;
  if (connectionString === undefined) throw new Error("the pool does not say where its database is");
  return connectionString;
};

/** What a process does with the event store and with its memory, through connections of its own. */
const boot = (urls: { store: string; database: string }, limits: Partial<Limits>) => {
  const store = eventStoreDb({ url: urls.store });
  const bounds = { max: 4, idleTimeoutMs: 10_000, statementTimeoutMs: 10_000 };
  const pool = openPool({ url: urls.database, role: "everfold_api", ...bounds, onError: () => undefined });
  const handler = commandHandler({
    ...{ store, codec, memory: keptCommands(pool), categories: ["credit_ledger"], hashInput, limits },
  });
  const stop = async () => {
    await handler.stop();
    await store.close();
    await pool.end();
  };
  return { handler, stop };
};

const startServer = async (backends: WriteSide, random: Random): Promise<Server & { stop(): Promise<void> }> => {
  const limits = limitsOf(random);
  const isFollowing = random.chance(0.5);
  const [toStore, toMemory] = await Promise.all([
    startLossyProxy(backends.eventStore.url),
    startLossyProxy(databaseOf(backends)),
  ]);
  const { handler, stop } = boot({ store: toStore.url, database: toMemory.url }, limits);
  if (isFollowing) handler.start();
  const { promise: died, resolve } = Promise.withResolvers<undefined>();
  let isDead = false;
  const kill = async () => {
    isDead = true;
    resolve(undefined);
    await Promise.all([toStore.stop(), toMemory.stop()]);
  };
  const deliver = delivering(handler, ledgerCommands);
  return { deliver, loseAnswers: toStore.loseAnswers, kill, stop, isDead: () => isDead, died };
};

/** Processes on one event store, each with connections of its own; that to the store loses answers when told to. */
export const startServers = async (backends: WriteSide, random: Random, count: number): Promise<Servers> => {
  let killed: number | undefined;
  const healthy = backends.process({ isFollowing: false });
  const servers: Awaited<ReturnType<typeof startServer>>[] = [];
  for (let index = 0; index < count; index += 1) servers.push(await startServer(backends, random));
  const stopping: Promise<unknown>[] = [];
  /** It takes its time about it, having nobody to talk to. */
  const end = async (server: (typeof servers)[number]) => {
    await server.kill();
    stopping.push(server.stop().catch(() => undefined));
  };

  return {
    pick: (with_) => with_.pick(servers),
    loseAnswer: (with_) => with_.pick(servers).loseAnswers(),
    async killOne(with_) {
      const fresh = await startServer(backends, with_);
      const [dead] = servers.splice(with_.below(servers.length), 1, fresh);
      if (dead) await end(dead);
    },
    killStore() {
      const { pid } = backends.eventStore;
      // One that was killed before may not have been replaced yet.
      if (pid !== killed) process.kill(pid, "SIGKILL");
      killed = pid;
    },
    forgetCommands: backends.forgetCommands,
    read: (...asked) => healthy.store.read(...asked),
    stop: async () => {
      for (const server of servers) await end(server);
      await Promise.all(stopping);
    },
  };
};
