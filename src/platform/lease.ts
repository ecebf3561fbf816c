import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { type Pool, query, type Transaction } from "./postgres.ts";
import { sql } from "./sql.ts";

/** Asking again, instead of letting Postgres wait, keeps no snapshot open that would hold back its vacuum. */
const ASK_AGAIN_MS = 250;

/**
 * Does `work` while no other process of this database holds the lease of that name, and waits for it before.
 * Postgres takes it back as soon as the connection ends, however the process died; `work` is given that connection,
 * and a signal that says when it is lost or `signal` is aborted.
 */
export const withLease = async (
  pool: Pool,
  name: string,
  { signal, onWait = () => undefined }: { signal: AbortSignal; onWait?: () => void },
  work: (connection: Transaction, signal: AbortSignal) => Promise<void>,
): Promise<void> => {
  const connection = await pool.connect();
  const lost = new AbortController();
  const onLost = () => lost.abort();
  connection.once("error", onLost).once("end", onLost);
  const held = AbortSignal.any([signal, lost.signal]);
  try {
    while (!(await isGranted(connection, name))) {
      onWait();
      await pause(ASK_AGAIN_MS, held);
      if (held.aborted) return;
    }
    await work(connection, held);
    await query(connection, sql`select pg_advisory_unlock(hashtextextended(${name}, 0))`);
  } finally {
    connection.removeListener("error", onLost).removeListener("end", onLost);
    // The work may have changed settings of the connection: nobody else should get it.
    connection.release(true);
  }
};

const isGranted = async (connection: Transaction, name: string): Promise<boolean> => {
  const [row] = await query<{ granted: boolean }>(
    connection,
    sql`select pg_try_advisory_lock(hashtextextended(${name}, 0)) as granted`,
  );
  return row?.granted === true;
};

/** Ends early, and does not fail, when `signal` is aborted. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch(() => undefined);

export const aborted = async (signal: AbortSignal): Promise<void> => {
  if (!signal.aborted) await once(signal, "abort");
};
