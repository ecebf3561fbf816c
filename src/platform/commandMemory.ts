import { type Pool, query, type Transaction, transaction } from "./postgres.ts";
import { sql } from "./sql.ts";

type CarriedOut = { inputHash: string; firstRevision: bigint; revision: bigint; position: bigint };
type Commands = ReadonlyMap<string, CarriedOut>;
type Snapshot = { revision: bigint; position: bigint; state: unknown; chain: string; lastCommandId: string };

type SnapshotRow = { revision: number; position: number; state: unknown; chain: string; last_command_id: string };
type CommandRow = {
  command_id: string;
  input_hash: string;
  first_revision: number;
  revision: number;
  position: number;
};

/** What ledgers' lanes remember beyond their memory: tables of the schema `runtime`, any row of which may go. */
export const keptCommands = (pool: Pool) => ({
  /** A snapshot is worth nothing without the commands it stands for: the last of them must be there. */
  async snapshot(ledger: string, foldVersion: number): Promise<Snapshot | undefined> {
    const [row] = await query<SnapshotRow>(
      pool,
      sql`select revision, position, state, chain, last_command_id from runtime.stream_snapshots as snapshot
        where ledger = ${ledger} and fold_version = ${foldVersion} and exists (
          select from runtime.command_results
          where ledger = snapshot.ledger and command_id = snapshot.last_command_id)`,
    );
    if (!row) return undefined;
    const { revision, position, state, chain, last_command_id: lastCommandId } = row;
    return { revision: BigInt(revision), position: BigInt(position), state, chain, lastCommandId };
  },

  async recall(ledger: string, lastCommandId: string, commandIds: readonly string[]): Promise<Commands | undefined> {
    const rows = await query<CommandRow>(
      pool,
      sql`select command_id, input_hash, first_revision, revision, position from runtime.command_results
        where ledger = ${ledger} and command_id = any(${[lastCommandId, ...commandIds]})`,
    );
    if (!rows.some(({ command_id }) => command_id === lastCommandId)) return undefined;
    return new Map(rows.map((row) => [row.command_id, carriedOut(row)]));
  },

  async keep(
    ledger: string,
    { version, snapshot }: { version: number; snapshot: Snapshot },
    commands: Commands,
    since: string | undefined,
  ): Promise<boolean> {
    const { revision, position, state, chain, lastCommandId } = snapshot;
    return transaction(pool, async (connection) => {
      // What a crash takes away is read from the stream again; appends would wait for the disk while this is flushed.
      await query(connection, sql`set local synchronous_commit = off`);
      if (since !== undefined && !(await isThere(connection, ledger, since))) return false;
      for (const slice of slicesOf(commands)) await keepCommands(connection, ledger, slice);
      // Of two processes with one ledger the one that is behind must not take the other's snapshot back.
      await query(
        connection,
        sql`insert into runtime.stream_snapshots as kept
            (ledger, fold_version, revision, position, chain, last_command_id, state)
          values (${ledger}, ${version}, ${revision}, ${position}, ${chain}, ${lastCommandId}, ${JSON.stringify(state)})
          on conflict (ledger) do update set fold_version = excluded.fold_version, revision = excluded.revision,
            position = excluded.position, chain = excluded.chain, last_command_id = excluded.last_command_id,
            state = excluded.state, taken_at = now()
          where kept.fold_version <> excluded.fold_version or kept.revision < excluded.revision`,
      );
      return true;
    });
  },

  async forget(ledger: string): Promise<void> {
    await transaction(pool, (connection) => forgetAll(connection, [ledger]));
  },
});

const sliceMax = 500;

/** Requests are answered between two slices, however many commands there are. */
function* slicesOf(commands: Commands): Generator<[string, CarriedOut][]> {
  let slice: [string, CarriedOut][] = [];
  for (const command of commands) {
    slice.push(command);
    if (slice.length < sliceMax) continue;
    yield slice;
    slice = [];
  }
  if (slice.length > 0) yield slice;
}

const keepCommands = async (
  connection: Transaction,
  ledger: string,
  rows: readonly [string, CarriedOut][],
): Promise<void> => {
  const column = <T>(pick: (command: CarriedOut) => T): T[] => rows.map(([, command]) => pick(command));
  await query(
    connection,
    sql`insert into runtime.command_results (ledger, command_id, first_revision, revision, position, input_hash)
      select ${ledger}::uuid, * from unnest(${rows.map(([id]) => id)}::uuid[],
        ${column((c) => c.firstRevision)}::bigint[], ${column((c) => c.revision)}::bigint[],
        ${column((c) => c.position)}::bigint[], ${column((c) => c.inputHash)}::text[])
      on conflict (ledger, command_id) do nothing`,
  );
};

/**
 * Everything, of every ledger: their events say it all again. All of a ledger at once, since whoever finds one command
 * of it here relies on finding all that came before it.
 */
export const forgetKeptCommands = async (pool: Pool): Promise<void> => {
  for (let ledgers = await someLedgers(pool); ledgers.length > 0; ledgers = await someLedgers(pool))
    await transaction(pool, (connection) => forgetAll(connection, ledgers));
};

const someLedgers = async (pool: Pool): Promise<string[]> => {
  const rows = await query<{ ledger: string }>(
    pool,
    sql`(select distinct ledger from (select ledger from runtime.command_results limit ${forgetRowsMax}) as kept)
        union (select ledger from runtime.stream_snapshots limit ${forgetRowsMax})`,
  );
  return rows.map(({ ledger }) => ledger);
};

const forgetRowsMax = 10_000;

/** A statement each: all rows of a long ledger at once could take longer than a statement may. */
const forgetInSlices = async (forgetSome: () => Promise<readonly unknown[]>): Promise<void> => {
  while ((await forgetSome()).length === forgetRowsMax);
};

const forgetAll = async (connection: Transaction, ledgers: readonly string[]): Promise<void> => {
  await forgetInSlices(() =>
    query(
      connection,
      sql`delete from runtime.command_results where (ledger, command_id) in (
        select ledger, command_id from runtime.command_results where ledger = any(${ledgers}::uuid[])
        limit ${forgetRowsMax}) returning 1`,
    ),
  );
  await query(connection, sql`delete from runtime.stream_snapshots where ledger = any(${ledgers}::uuid[])`);
};

/** A snapshot says that every command up to it is here: it must not be built on rows that were dropped meanwhile. */
const isThere = async (connection: Transaction, ledger: string, commandId: string): Promise<boolean> => {
  const rows = await query(
    connection,
    sql`select from runtime.command_results where ledger = ${ledger} and command_id = ${commandId} for key share`,
  );
  return rows.length > 0;
};

const carriedOut = ({ input_hash, first_revision, revision, position }: CommandRow): CarriedOut => ({
  inputHash: input_hash,
  firstRevision: BigInt(first_revision),
  revision: BigInt(revision),
  position: BigInt(position),
});
