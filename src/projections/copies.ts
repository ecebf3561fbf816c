import { parkedEventsTable } from "../eventstore/parkedEvents.ts";
import { query, type Transaction } from "../platform/postgres.ts";
import { identifier, list, type Sql, sql } from "../platform/sql.ts";
import type { Place } from "./application.ts";
import type { Projection, Table } from "./projection.ts";

const schema = "rebuild";

/** A second, hidden set of a projection's tables. There is at most one of each projection at a time. */
type Copies = {
  place: Place;
  /** Empty ones, whatever was there before. */
  create(connection: Transaction): Promise<void>;
  /** Makes the live rows, and the projection's parked events, equal to the copied ones. */
  exchange(connection: Transaction): Promise<void>;
  drop(connection: Transaction): Promise<void>;
};

export const copiesOf = ({ name, tables }: Projection): Copies => {
  const parkedEvents = identifier(schema, `parked_events_${name}`);
  const pairs = [
    ...tables.map((table) => ({ live: identifier("read_model", table.name), copy: identifier(schema, table.name) })),
    { live: parkedEventsTable, copy: parkedEvents },
  ];
  const drop = async (connection: Transaction): Promise<void> => {
    for (const { copy } of pairs) await query(connection, sql`drop table if exists ${copy}`);
  };
  return {
    place: { schema, parkedEvents },
    drop,
    create: async (connection) => {
      await drop(connection);
      for (const { live, copy } of pairs) {
        await query(connection, sql`create unlogged table ${copy} (like ${live} including all)`);
      }
    },
    exchange: async (connection) => {
      for (const table of tables) await exchangeRows(connection, table);
      await query(connection, sql`delete from ${parkedEventsTable} where projection = ${name}`);
      await query(connection, sql`insert into ${parkedEventsTable} select * from ${parkedEvents}`);
    },
  };
};

/** Rows that are the same in both stay untouched: usually most of them, and the runner waits for this. */
const exchangeRows = async (connection: Transaction, table: Table): Promise<void> => {
  const live = identifier("read_model", table.name);
  const copy = identifier(schema, table.name);
  const columns = Object.keys(table.columns);
  await query(
    connection,
    sql`delete from ${live} as live where not exists (
      select from ${copy} as copy
      where (${of("copy", table.key)}) = (${of("live", table.key)})
        and (${of("copy", columns)}) is not distinct from (${of("live", columns)})
    )`,
  );
  await query(
    connection,
    sql`insert into ${live} (${list(columns.map((column) => identifier(column)))})
      select ${of("copy", columns)} from ${copy} as copy where not exists (
        select from ${live} as live where (${of("copy", table.key)}) = (${of("live", table.key)})
      )`,
  );
};

const of = (alias: string, columns: readonly string[]): Sql => list(columns.map((column) => identifier(alias, column)));
