import { randomUUID } from "node:crypto";
import { aborted, pause } from "./lease.ts";
import { type Pool, query, type Transaction } from "./postgres.ts";
import { sql } from "./sql.ts";

type Word = { stream: string; from: string; to: string | undefined; wants: boolean; wrote: boolean };

const hearAgainMs = 1_000;

/**
 * How writers of one stream in several processes let each other through, told by Postgres's notifications. All of it is
 * courtesy: nothing rests on its being heard, so that a Postgres that is away costs turns and nothing else.
 */
export const rightOfWay = (pool: Pool, warn: (details: object, message: string) => void) => {
  const self = randomUUID();
  let connection: Transaction | undefined;
  let unsaid: string[] = [];
  let isTelling = false;

  /** In their order, over the connection that hears the others: no other statement is in the way there. */
  const tellAll = async (): Promise<void> => {
    isTelling = true;
    while (connection && unsaid.length > 0) {
      const words = unsaid;
      unsaid = [];
      try {
        await query(connection, sql`select pg_notify('right_of_way', word) from unnest(${words}::text[]) as word`);
      } catch (error) {
        warn({ error }, "other processes could not be told whose turn it is");
      }
    }
    unsaid = [];
    isTelling = false;
  };

  return {
    self,
    /** Tells the others that write to this stream. False when nobody can be told for now. */
    tell({ stream, to = "", wants, wrote }: Omit<Word, "from">): boolean {
      if (!connection) return false;
      unsaid.push([self, stream, to, wants ? "wants" : "", wrote ? "wrote" : ""].join(" "));
      if (!isTelling) void tellAll();
      return true;
    },
    /** Hears what the others tell, until `signal` is aborted. */
    async hear(onHeard: (word: Word) => void, signal: AbortSignal): Promise<void> {
      const onPayload = (payload: string) => {
        const [from = "", stream = "", to, wants, wrote] = payload.split(" ");
        if (from !== self)
          onHeard({ from, stream, to: to || undefined, wants: wants === "wants", wrote: wrote === "wrote" });
      };
      while (!signal.aborted) {
        try {
          await listen(pool, { signal, onPayload }, (listening) => {
            connection = listening;
          });
        } catch (error) {
          warn({ error }, "what other processes tell cannot be heard for now");
        }
        connection = undefined;
        await pause(hearAgainMs, signal);
      }
    },
  };
};

type Listener = { signal: AbortSignal; onPayload(payload: string): void };

/** Until the connection is lost or `signal` is aborted. */
const listen = async (
  pool: Pool,
  { signal, onPayload }: Listener,
  onListening: (connection: Transaction) => void,
): Promise<void> => {
  const connection = await pool.connect();
  try {
    const lost = new Promise<void>((resolve) => {
      connection.once("error", () => resolve()).once("end", () => resolve());
    });
    connection.on("notification", ({ payload = "" }) => onPayload(payload));
    await query(connection, sql`listen right_of_way`);
    onListening(connection);
    await Promise.race([lost, aborted(signal)]);
  } finally {
    connection.release(true);
  }
};
