import { LRUCache } from "lru-cache";
import { checkpointsOf } from "../eventstore/checkpoints.ts";
import { backoffMs } from "../eventstore/subscriber.ts";
import { aborted, pause } from "../platform/lease.ts";
import type { Log } from "../platform/log.ts";
import { type Pool, query, type Transaction } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";
import type { Projection } from "./projection.ts";

/** Who wrote, or where: what is not given is not concerned. */
type Owner = { workspaceId?: string | null | undefined; userId?: string | null | undefined };

/** The last position this process wrote for a workspace and for a user. */
export type OwnWrites = {
  wrote(owner: Owner, position: bigint): void;
  /** What a read there has to wait for; -1 when nothing is remembered. */
  lastOf(owner: Owner): bigint;
};

/** Remembers the `limit` owners who wrote last: of the others, everything is projected long since. */
export const ownWrites = (limit: number): OwnWrites => {
  const positions = new LRUCache<string, bigint>({ max: limit });
  return {
    wrote: (owner, position) => {
      for (const key of keysOf(owner)) if (position > (positions.get(key) ?? -1n)) positions.set(key, position);
    },
    lastOf: (owner) =>
      keysOf(owner).reduce((last, key) => {
        const position = positions.get(key) ?? -1n;
        return position > last ? position : last;
      }, -1n),
  };
};

const keysOf = ({ workspaceId, userId }: Owner): string[] => [
  ...(workspaceId ? [`workspace ${workspaceId}`] : []),
  ...(userId ? [`user ${userId}`] : []),
];

export type Projected = {
  /** The lowest position among the live projections, as far as this process has heard; -1 before it has. */
  position(): bigint;
  /** True once every live projection has passed `position`, false when that takes longer than `timeoutMs`. */
  waitFor(position: bigint, timeoutMs: number): Promise<boolean>;
  stop(): Promise<void>;
};

type Waiter = { position: bigint; settle: (isPassed: boolean) => void };

/**
 * Listens to how far the projections are, wherever they run, on one connection of the pool. While Postgres is away,
 * waits time out; afterwards the checkpoints are read again.
 */
export const followProjected = (pool: Pool, projections: readonly Projection[], log: Log): Projected => {
  const stopping = new AbortController();
  const { signal } = stopping;
  const waiters = new Set<Waiter>();
  let position = -1n;

  const moveTo = (to: bigint): void => {
    position = to;
    for (const waiter of waiters) if (waiter.position <= to) waiter.settle(true);
  };

  const run = async (): Promise<void> => {
    for (let failures = 0; !signal.aborted; ) {
      try {
        await listen(pool, signal, projections, (to) => {
          failures = 0;
          moveTo(to);
        });
      } catch (error) {
        failures += 1;
        log.warn({ error }, "the projections cannot be listened to for now");
      }
      // A Postgres that comes back may have lost its last transactions, which are then applied again.
      position = -1n;
      if (!signal.aborted) await pause(backoffMs(Math.max(failures, 1)), signal);
    }
  };
  const ended = run();

  const wait = (wanted: bigint, timeoutMs: number): Promise<boolean> =>
    new Promise((resolve) => {
      const settle = (isPassed: boolean): void => {
        waiters.delete(waiter);
        clearTimeout(timer);
        resolve(isPassed);
      };
      const waiter = { position: wanted, settle };
      const timer = setTimeout(() => settle(false), timeoutMs);
      waiters.add(waiter);
    });

  return {
    position: () => position,
    waitFor: async (wanted, timeoutMs) => wanted <= position || (!signal.aborted && wait(wanted, timeoutMs)),
    stop: async () => {
      stopping.abort();
      await ended;
      for (const waiter of waiters) waiter.settle(false);
    },
  };
};

/** Until the connection is lost or `signal` is aborted. */
const listen = async (
  pool: Pool,
  signal: AbortSignal,
  projections: readonly Projection[],
  onPosition: (position: bigint) => void,
): Promise<void> => {
  const connection = await pool.connect();
  try {
    const lost = new Promise<void>((resolve) => {
      connection.once("error", () => resolve()).once("end", () => resolve());
    });
    let heard = -1n;
    connection.on("notification", ({ payload }) => {
      heard = BigInt(payload ?? -1);
      onPosition(heard);
    });
    await query(connection, sql`listen projected`);
    // What was told meanwhile may be newer than what this reads.
    const read = await lowestOf(connection, projections);
    onPosition(heard > read ? heard : read);
    await Promise.race([lost, aborted(signal)]);
  } finally {
    connection.release(true);
  }
};

const lowestOf = async (connection: Transaction, projections: readonly Projection[]): Promise<bigint> => {
  const checkpoints = await checkpointsOf(
    connection,
    projections.map(({ name }) => name),
  );
  const positions = projections.flatMap(({ name, version }) => {
    const checkpoint = checkpoints.get(name);
    return checkpoint?.version === version ? [checkpoint.position] : [];
  });
  return positions.length === 0 ? -1n : positions.reduce((low, each) => (each < low ? each : low));
};
