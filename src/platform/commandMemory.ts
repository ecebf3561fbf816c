import { type Pool, query, type Transaction, transaction } from "./postgres.ts";
import { sql } from "./sql.ts";

type CarriedOut = {
  inputHash: string;
  firstRevision: bigint;
  revision: bigint;
  position: bigint;
  state?: unknown;
};
type Snapshot = { revision: bigint; position: bigint; state: unknown; chain: string; lastCommandId: string };

type SnapshotRow = {
  revision: number;
  position: number;
  state: { fold: unknown; chain: string; lastCommandId: string };
};
type CommandRow = {
  command_id: string;
  input_hash: string;
  revision: number;
  position: number;
  answer: { firstRevision: number; foldVersion: number; state: unknown };
};

/** What ledgers' lanes remember beyond their memory: tables of the schema `runtime`, any row of which may go. */
export const keptCommands = (pool: Pool) => ({
  /** A snapshot is worth nothing without the commands it stands for: the last of them must be there. */
  async snapshot(stream: string, foldVersion: number): Promise<Snapshot | undefined> {
    const [row] = await query<SnapshotRow>(
      pool,
      sql`select revision, position, state from runtime.stream_snapshots as snapshot
        where stream = ${stream} and fold_version = ${foldVersion} and exists (
          select from runtime.command_results
          where stream = snapshot.stream and command_id = snapshot.state ->> 'lastCommandId')`,
    );
    if (!row) return undefined;
    const { fold, chain, lastCommandId } = row.state;
    return { revision: BigInt(row.revision), position: BigInt(row.position), state: fold, chain, lastCommandId };
  },

  async recall(
    stream: string,
    foldVersion: number,
    lastCommandId: string,
    commandIds: readonly string[],
  ): Promise<ReadonlyMap<string, CarriedOut> | undefined> {
    const rows = await query<CommandRow>(
      pool,
      sql`select command_id, input_hash, revision, position, answer from runtime.command_results
        where stream = ${stream} and command_id = any(${[lastCommandId, ...commandIds]})`,
    );
    if (!rows.some(({ command_id }) => command_id === lastCommandId)) return undefined;
    return new Map(rows.map((row) => [row.command_id, carriedOut(row, foldVersion)]));
  },

  async keep(
    stream: string,
    foldVersion: number,
    { revision, position, state, chain, lastCommandId }: Snapshot,
    commands: ReadonlyMap<string, CarriedOut>,
    since: string | undefined,
  ): Promise<void> {
    await transaction(pool, async (connection) => {
      if (since !== undefined) await stillThere(connection, stream, since);
      for (const slice of slicesOf(commands)) await keepCommands(connection, stream, foldVersion, slice);
      // Of two processes with one ledger the one that is behind must not take the other's snapshot back.
      await query(
        connection,
        sql`insert into runtime.stream_snapshots as kept (stream, fold_version, revision, position, state)
          values (${stream}, ${foldVersion}, ${revision}, ${position},
            ${JSON.stringify({ fold: state, chain, lastCommandId })})
          on conflict (stream) do update set fold_version = excluded.fold_version, revision = excluded.revision,
            position = excluded.position, state = excluded.state, taken_at = now()
          where kept.fold_version <> excluded.fold_version or kept.revision < excluded.revision`,
      );
    });
  },

  async forget(stream: string): Promise<void> {
    await transaction(pool, async (connection) => {
      await forgetCommands(connection, stream);
      await query(connection, sql`delete from runtime.stream_snapshots where stream = ${stream}`);
    });
  },
});

const sliceMax = 500;

/** Requests are answered between two slices, however many commands there are. */
function* slicesOf(commands: ReadonlyMap<string, CarriedOut>): Generator<[string, CarriedOut][]> {
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
  stream: string,
  foldVersion: number,
  rows: readonly [string, CarriedOut][],
): Promise<void> => {
  const column = <T>(pick: (command: CarriedOut) => T): T[] => rows.map(([, command]) => pick(command));
  const answers = column((command) =>
    JSON.stringify({ firstRevision: Number(command.firstRevision), foldVersion, state: command.state }),
  );
  await query(
    connection,
    sql`insert into runtime.command_results (stream, command_id, input_hash, revision, position, answer)
      select ${stream}, * from unnest(${rows.map(([id]) => id)}::text[], ${column((c) => c.inputHash)}::text[],
        ${column((c) => c.revision)}::bigint[], ${column((c) => c.position)}::bigint[], ${answers}::jsonb[])
      on conflict (stream, command_id) do nothing`,
  );
};

/** Everything, of every stream: the ledgers' events say it all again. */
export const forgetKeptCommands = async (pool: Pool): Promise<void> => {
  await forgetInSlices(() =>
    query(
      pool,
      sql`delete from runtime.stream_snapshots where stream in (
        select stream from runtime.stream_snapshots limit ${forgetRowsMax}) returning 1`,
    ),
  );
  await forgetInSlices(() =>
    query(
      pool,
      sql`delete from runtime.command_results where (stream, command_id) in (
        select stream, command_id from runtime.command_results limit ${forgetRowsMax}) returning 1`,
    ),
  );
};

const forgetRowsMax = 10_000;

/** A statement each: all rows of a long ledger at once could take longer than a statement may. */
const forgetInSlices = async (forgetSome: () => Promise<readonly unknown[]>): Promise<void> => {
  while ((await forgetSome()).length === forgetRowsMax);
};

const forgetCommands = (connection: Transaction, stream: string): Promise<void> =>
  forgetInSlices(() =>
    query(
      connection,
      sql`delete from runtime.command_results where stream = ${stream} and command_id in (
        select command_id from runtime.command_results where stream = ${stream} limit ${forgetRowsMax})
        returning 1`,
    ),
  );

/** A snapshot says that every command up to it is here: it must not be built on rows that were dropped meanwhile. */
const stillThere = async (connection: Transaction, stream: string, commandId: string): Promise<void> => {
  const rows = await query(
    connection,
    sql`select from runtime.command_results where stream = ${stream} and command_id = ${commandId} for key share`,
  );
  if (rows.length === 0) throw new Error(`the commands of ${stream} kept before are not there any more`);
};

/** A state folded by another version of the fold is left out: it is folded again when it is asked for. */
const carriedOut = ({ input_hash, revision, position, answer }: CommandRow, foldVersion: number): CarriedOut => ({
  inputHash: input_hash,
  firstRevision: BigInt(answer.firstRevision),
  revision: BigInt(revision),
  position: BigInt(position),
  ...(answer.foldVersion === foldVersion ? { state: answer.state } : {}),
});
