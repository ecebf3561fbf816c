import { randomUUID } from "node:crypto";
import { aborted, pause } from "./lease.ts";
import { type Pool, query } from "./postgres.ts";
import { sql } from "./sql.ts";

const hearAgainMs = 1_000;

/**
 * How writers of one stream in several processes let each other through, told by Postgres's notifications. All of it is
 * courtesy: nothing rests on its being heard, so that a Postgres that is away costs turns and nothing else.
 */
export const rightOfWay = (pool: Pool, warn: (details: object, message: string) => void) => {
  const self = randomUUID();
  const asking = new Set<string>();

  return {
    /** Asks the others who write to this stream to pause for a moment. */
    ask(stream: string): void {
      if (asking.has(stream)) return;
      asking.add(stream);
      query(pool, sql`select pg_notify('right_of_way', ${`${self} ${stream}`})`)
        .catch((error: unknown) => warn({ error, stream }, "other processes could not be asked to let this one write"))
        .finally(() => asking.delete(stream));
    },
    /** Hears what the others ask for, until `signal` is aborted. */
    async hear(onAsked: (stream: string) => void, signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        try {
          await listen(pool, signal, (payload) => {
            const [asker, stream] = payload.split(" ");
            if (asker !== self && stream !== undefined) onAsked(stream);
          });
        } catch (error) {
          warn({ error }, "what other processes ask for cannot be heard for now");
        }
        await pause(hearAgainMs, signal);
      }
    },
  };
};

/** Until the connection is lost or `signal` is aborted. */
const listen = async (pool: Pool, signal: AbortSignal, onPayload: (payload: string) => void): Promise<void> => {
  const connection = await pool.connect();
  try {
    const lost = new Promise<void>((resolve) => {
      connection.once("error", () => resolve()).once("end", () => resolve());
    });
    connection.on("notification", ({ payload = "" }) => onPayload(payload));
    await query(connection, sql`listen right_of_way`);
    await Promise.race([lost, aborted(signal)]);
  } finally {
    connection.release(true);
  }
};
