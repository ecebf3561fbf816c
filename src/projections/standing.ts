import { backToLastEvent, begin, checkpointsOf } from "../eventstore/checkpoints.ts";
import { refuseForeign } from "../eventstore/foreignCheckpoints.ts";
import { parkedStreams } from "../eventstore/parkedEvents.ts";
import type { EventStore } from "../eventstore/store.ts";
import { query, type Transaction } from "../platform/postgres.ts";
import { identifier, sql } from "../platform/sql.ts";
import type { Follower } from "./application.ts";
import type { Projection, Table } from "./projection.ts";

/** How the rows of the projections stand to their code. */
type Standing = {
  /** Rows of the code's version: new events are applied to them. */
  live: readonly Follower[];
  /** Rows of an older version, or none: to be rebuilt beside them. */
  outdated: readonly Projection[];
  /** Rows of a newer version, which another process's code knows: not to be touched. */
  newer: readonly Projection[];
};

/** @throws ForeignCheckpoint */
export const standingOf = async (
  connection: Transaction,
  projections: readonly Projection[],
  store: EventStore,
): Promise<Standing> => {
  await beginNew(connection, projections);
  const names = projections.map(({ name }) => name);
  await refuseForeign(store, (await checkpointsOf(connection, names)).values());
  await backToLastEvent(connection, names);
  const checkpoints = await checkpointsOf(connection, names);
  const live: Follower[] = [];
  for (const projection of projections) {
    const checkpoint = checkpoints.get(projection.name);
    if (checkpoint?.version !== projection.version) continue;
    live.push({ projection, checkpoint, parked: await parkedStreams(connection, checkpoint) });
  }
  const newer = projections.filter(({ name, version }) => (checkpoints.get(name)?.version ?? 0) > version);
  const known = new Set([...newer, ...live.map(({ projection }) => projection)]);
  return {
    live,
    outdated: projections.filter((projection) => !known.has(projection)),
    newer,
  };
};

/** In a database where nothing was projected yet, nobody reads what a rebuild beside would protect. */
const beginNew = async (connection: Transaction, projections: readonly Projection[]): Promise<void> => {
  const names = projections.map(({ name }) => name);
  const checkpoints = await checkpointsOf(connection, names);
  if ([...checkpoints.values()].some(({ position }) => position > -1n)) return;
  for (const { name, version, tables } of projections) {
    if (checkpoints.has(name)) continue;
    const isEmpty = await allEmpty(connection, tables);
    if (isEmpty) await begin(connection, { subscriber: name, version });
  }
};

const allEmpty = async (connection: Transaction, tables: readonly Table[]): Promise<boolean> => {
  for (const { name } of tables) {
    const [row] = await query<{ any: boolean }>(
      connection,
      sql`select exists (select from ${identifier("read_model", name)}) as any`,
    );
    if (row?.any !== false) return false;
  }
  return true;
};
