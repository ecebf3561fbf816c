import { setTimeout as pause } from "node:timers/promises";
import { aggregates } from "./domain/aggregates.ts";
import type { Groups } from "./eventstore/persistentSubscription.ts";
import type { EventStore } from "./eventstore/store.ts";
import type { Followers } from "./followers.ts";
import type { Dependency } from "./http/system.ts";
import { aborted } from "./platform/lease.ts";
import { pendingMigrations } from "./platform/migrations.ts";
import { type Pool, query } from "./platform/postgres.ts";
import { sql } from "./platform/sql.ts";
import type { Projected } from "./projections/positions.ts";

export type Readiness = {
  /** For whoever asks from outside, however often and however many at once. */
  dependencies: readonly Dependency[];
  /**
   * Resolves when everything is up or `signal` is aborted. `onLate` hears once, after a minute, what is not; that it is
   * waited for further is no harm, since requests are answered meanwhile as well as they can be.
   */
  untilReady(signal: AbortSignal, onLate: (faults: readonly string[]) => void): Promise<void>;
};

type Within = {
  /** Of the API's role. */
  pool: Pool;
  store: EventStore & { groups: Groups };
  /** Where this process projects or reacts. */
  followers: Followers | undefined;
  /** Where this process serves what was projected, here or elsewhere. */
  projected?: Pick<Projected, "position">;
};

const lateAfterMs = 60_000;
const probeEveryMs = 50;

/** FND-14: what the process needs to be of use. */
export const readiness = (within: Within): Readiness => {
  const dependencies = dependenciesOf(within);
  return {
    dependencies: dependencies.map(({ name, fault, notice }) => ({
      name,
      fault: shared(fault),
      ...(notice && { notice: shared(notice) }),
    })),
    untilReady: async (signal, onLate) => {
      const over = aborted(signal);
      const lateness = setTimeout(() => void faultsOf(dependencies).then(onLate), lateAfterMs);
      while (!signal.aborted) {
        const faults = await Promise.race([faultsOf(dependencies), over]);
        if (!faults || faults.length === 0) break;
        await pause(probeEveryMs);
      }
      clearTimeout(lateness);
    },
  };
};

const faultsOf = async (dependencies: readonly Dependency[]): Promise<string[]> => {
  const faults = await Promise.all(
    dependencies.map(async ({ name, fault }) => {
      const reason = await fault().catch(() => "cannot be reached");
      return reason === undefined ? [] : [`${name}: ${reason}`];
    }),
  );
  return faults.flat();
};

const sharedForMs = 1_000;

/** Asks once for all who want to know at the same time, and for those who come within a second after the answer. */
export const shared = <T>(ask: () => Promise<T>, now: () => number = () => performance.now()): (() => Promise<T>) => {
  let answer: Promise<T> | undefined;
  let isSettled = false;
  let settledAt = 0;
  const settle = (): void => {
    isSettled = true;
    settledAt = now();
  };
  return () => {
    if (answer === undefined || (isSettled && now() - settledAt >= sharedForMs)) {
      isSettled = false;
      answer = ask();
      answer.then(settle, settle);
    }
    return answer;
  };
};

const dependenciesOf = ({ pool, store, followers, projected }: Within): readonly Dependency[] => [
  { name: "eventstore", fault: async () => ((await store.isReachable()) ? undefined : "cannot be reached") },
  { name: "postgres", fault: async () => void (await query(pool, sql`select 1`)) },
  { name: "migrations", fault: migrationsFault(pool) },
  {
    name: "projections",
    fault: async () => (await followers?.fault()) ?? (projected && (await lag(store, projected.position()))),
    notice: async () => (await parkedNotice(pool)) ?? (await reactionsNotice(store.groups)),
  },
];

/** Asked until the answer is that there are none: the files are read at every start, and so do not come to be more. */
const migrationsFault = (pool: Pool): Dependency["fault"] => {
  let isDone = false;
  return async () => {
    isDone ||= (await pendingMigrations(pool)).length === 0;
    return isDone ? undefined : "some are pending";
  };
};

const lagMaxMs = 10_000;
const lookAtMostMs = 1_500;
const categories = aggregates.map(({ category }) => category);

/**
 * What keeps the read models from being of use where others project them: the oldest event after `position`, if there
 * is one, has been waiting for too long. Events of the store's own are passed over, they concern no projection.
 */
export const lag = async (store: EventStore, position: bigint, now = Date.now()): Promise<string | undefined> => {
  if (position >= (await store.head())) return undefined;
  const signal = AbortSignal.timeout(lookAtMostMs);
  for await (const followed of store.follow({ after: position, categories, signal })) {
    if (followed.kind === "passed") continue;
    const waitingMs = followed.kind === "event" ? now - Date.parse(followed.event.metadata.occurredAt) : 0;
    return waitingMs > lagMaxMs ? "lag behind" : undefined;
  }
  return "cannot be told from the event store";
};

/** One event that cannot be applied takes nobody's service away, and still somebody has to see to it. */
const parkedNotice = async (pool: Pool): Promise<string | undefined> => {
  const [row] = await query<{ any: boolean }>(pool, sql`select exists (select from runtime.parked_events) as any`);
  return row?.any ? "some events could not be applied and are parked" : undefined;
};

const reactionsNotice = async (groups: Groups): Promise<string | undefined> =>
  (await groups.list()).some(({ parked }) => parked > 0)
    ? "some events that reactions could not deal with are parked"
    : undefined;
