import { pause, withLease } from "../platform/lease.ts";
import type { Log } from "../platform/log.ts";
import type { Pool, Transaction } from "../platform/postgres.ts";
import { Unavailable } from "../platform/unavailable.ts";

export type SubscriberRole = "starting" | "standby" | "running" | "stopped";
type Repeating = {
  /** Why it does not get on, for people; null while it does. */
  problem(): string | null;
  /** Resolves when what was in hand is finished. */
  stop(): Promise<void>;
};
type Subscriber = Repeating & { role(): SubscriberRole };

/** One connection's worth of work. `signal` says when to end it; `onProgress` is called whenever it got on. */
type Session = (connection: Transaction, signal: AbortSignal, onProgress: () => void) => Promise<void>;

const BACKOFF_MIN_MS = 50;
const BACKOFF_MAX_MS = 5_000;

export const backoffMs = (failures: number): number => Math.min(BACKOFF_MIN_MS * 2 ** (failures - 1), BACKOFF_MAX_MS);

/**
 * Keeps one session running among all processes of the database: others stand by and take over when it dies. A session
 * that fails begins again (`repeating`).
 */
export const subscriber = (name: string, pool: Pool, log: Log, session: Session): Subscriber => {
  let role: SubscriberRole = "starting";
  const { problem, stop } = repeating(name, log, async (signal, onProgress) => {
    try {
      await withLease(pool, name, { signal, onWait: () => (role = "standby") }, async (connection, held) => {
        role = "running";
        await session(connection, held, onProgress);
      });
    } finally {
      role = signal.aborted ? "stopped" : "starting";
    }
  });
  return {
    role: () => role,
    problem,
    stop: async () => {
      await stop();
      role = "stopped";
    },
  };
};

/** What fails, whatever the reason, begins again after a pause, which grows until it gets on. */
export const repeating = (
  name: string,
  log: Log,
  session: (signal: AbortSignal, onProgress: () => void) => Promise<void>,
): Repeating => {
  const stopping = new AbortController();
  const { signal } = stopping;
  let problem: string | null = null;
  let failures = 0;
  const onProgress = () => {
    failures = 0;
    problem = null;
  };
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await session(signal, onProgress);
      } catch (error) {
        if (signal.aborted) break;
        problem = error instanceof Error ? error.message : String(error);
        failures += 1;
        const level = error instanceof Unavailable ? "warn" : "error";
        log[level]({ error, subscriber: name, failures }, "a subscriber failed and begins again");
        await pause(backoffMs(failures), signal);
      }
    }
  };
  const ended = run();
  return {
    problem: () => problem,
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
};
