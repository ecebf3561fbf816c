import { LRUCache } from "lru-cache";
import { z } from "zod";
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

type Named = Pick<Projection, "name">;

export type Projected = {
  /** The lowest position among the projections of this code's version, as far as this process has heard; else -1. */
  position(): bigint;
  /**
   * True once the rows of every projection in `of` (all, unless told) have passed `position`; false when that takes
   * longer than `timeoutMs`, or when too many wait already. One that is yet to be rebuilt stands where its old rows do.
   */
  waitFor(position: bigint, timeoutMs: number, of?: readonly Named[]): Promise<boolean>;
  stop(): Promise<void>;
};

type Waiter = { isPassed: () => boolean; settle: (isPassed: boolean) => void };

/** Positions that no store will ever reach can be asked for: who waits for them must not fill the memory. */
const WAITERS_MAX = 1_000;

/**
 * Listens to how far the projections are, wherever they run, on one connection of the pool. While Postgres is away,
 * waits time out; afterwards the checkpoints are read again.
 */
export const followProjected = (pool: Pool, projections: readonly Projection[], log: Log): Projected => {
  const stopping = new AbortController();
  const { signal } = stopping;
  const waiters = new Set<Waiter>();
  const known = new Map<string, Standing>();
  let listening: Transaction | undefined;
  let hasAsked = false;
  const reached = (of: readonly Named[]): bigint => lowest(of.map(({ name }) => known.get(name)?.position ?? -1n));

  /** Once for all who wait, until the next standings come: whoever runs the projections need not wait for more. */
  const ask = (): void => {
    if (hasAsked || !listening) return;
    hasAsked = true;
    query(listening, sql`notify awaited`).catch(() => undefined);
  };

  const hear = (standings: Standings, on: Transaction): void => {
    listening = on;
    hasAsked = false;
    for (const [name, standing] of standings) known.set(name, standing);
    for (const waiter of waiters) if (waiter.isPassed()) waiter.settle(true);
    if (waiters.size > 0) ask();
  };

  const run = async (): Promise<void> => {
    for (let failures = 0; !signal.aborted; ) {
      try {
        await listen(pool, signal, projections, (standings, on) => {
          failures = 0;
          hear(standings, on);
        });
      } catch (error) {
        failures += 1;
        log.warn({ error }, "the projections cannot be listened to for now");
      }
      // A Postgres that comes back may have lost its last transactions, which are then applied again.
      known.clear();
      listening = undefined;
      if (!signal.aborted) await pause(backoffMs(Math.max(failures, 1)), signal);
    }
  };
  const ended = run();

  const wait = (isPassed: () => boolean, timeoutMs: number): Promise<boolean> =>
    new Promise((resolve) => {
      const settle = (outcome: boolean): void => {
        waiters.delete(waiter);
        clearTimeout(timer);
        resolve(outcome);
      };
      const waiter = { isPassed, settle };
      const timer = setTimeout(() => settle(false), timeoutMs);
      waiters.add(waiter);
      ask();
    });

  return {
    position: () => reached(projections.filter(({ name, version }) => known.get(name)?.version === version)),
    waitFor: async (wanted, timeoutMs, of = projections) => {
      const isPassed = () => wanted <= reached(of);
      return isPassed() || (!signal.aborted && waiters.size < WAITERS_MAX && wait(isPassed, timeoutMs));
    },
    stop: async () => {
      stopping.abort();
      await ended;
      for (const waiter of waiters) waiter.settle(false);
    },
  };
};

const lowest = ([first = -1n, ...others]: readonly bigint[]): bigint =>
  others.reduce((low, each) => (each < low ? each : low), first);

/** Which version of a projection its rows are of, and how far they are. */
type Standing = { version: number; position: bigint };
type Standings = ReadonlyMap<string, Standing>;

/** Until the connection is lost or `signal` is aborted. */
const listen = async (
  pool: Pool,
  signal: AbortSignal,
  projections: readonly Projection[],
  onStandings: (standings: Standings, on: Transaction) => void,
): Promise<void> => {
  const connection = await pool.connect();
  try {
    const lost = new Promise<void>((resolve) => {
      connection.once("error", () => resolve()).once("end", () => resolve());
    });
    let heard: Standings = new Map();
    connection.on("notification", ({ payload }) => {
      heard = standingsIn(payload);
      onStandings(heard, connection);
    });
    await query(connection, sql`listen projected`);
    const read = await checkpointsOf(
      connection,
      projections.map(({ name }) => name),
    );
    // What was told meanwhile may be newer than what this reads.
    onStandings(new Map<string, Standing>([...read, ...heard]), connection);
    await Promise.race([lost, aborted(signal)]);
  } finally {
    connection.release(true);
  }
};

/** Tells every process that listens, when the transaction commits, where the checkpoints then stand. */
export const tellProjected = async (connection: Transaction, projections: readonly Named[]): Promise<void> => {
  await query(
    connection,
    sql`select pg_notify('projected',
          json_object_agg(projection, json_build_array(version, position::text) order by version)::text)
        from runtime.checkpoints where projection = any(${projections.map(({ name }) => name)}::text[])`,
  );
};

/** Tells whoever runs the projections, over its connection, that somebody waits for what it has not told yet. */
export const hearAwaited = async (connection: Transaction, onAwaited: () => void): Promise<void> => {
  connection.on("notification", onAwaited);
  await query(connection, sql`listen awaited`);
};

const Told = z.record(z.string(), z.tuple([z.int(), z.string().transform(BigInt)]));
const standingsIn = (payload: string | undefined): Standings =>
  new Map(
    Object.entries(Told.parse(JSON.parse(payload || "{}"))).map(([name, [version, position]]) => [
      name,
      { version, position },
    ]),
  );
