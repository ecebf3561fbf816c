import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { replayLedger } from "../../src/audit/replay/replay.ts";
import { query } from "../../src/platform/postgres.ts";
import { identifier, type Sql, sql } from "../../src/platform/sql.ts";
import { billing } from "../../src/projections/billing.ts";
import { workspaceId } from "../domain/ledgerStory.ts";
import { endless, storyOf } from "../projections/ledger/stories.ts";
import { writtenLedgers } from "../projections/ledger/written.ts";
import { read, stored } from "./storedStories.ts";

const stack = new AsyncDisposableStack();
let database: Awaited<ReturnType<typeof writtenLedgers>>;
/** Everything that can happen in a ledger has, so that no table is empty. */
const { history } = storyOf(fc.sample(endless, { seed: 7, numRuns: 12 }).flat());
beforeAll(async () => {
  database = await writtenLedgers(stack);
  await database.write(history);
  const all = history.at(-1)?.position ?? -1n;
  await query(
    database.projector,
    sql`insert into runtime.checkpoints (projection, version, position) values (${billing.name}, 1, ${all})`,
  );
});
afterAll(() => stack.disposeAsync());

const replayed = async (): Promise<string[]> => {
  const [events, seals] = [read(stored(history)), read([])];
  return (await replayLedger({ workspaceId, events, seals, rows: database.projector })).differences;
};

/** What a column can hold beside what is in it: tables have constraints that something else would break. */
const others: Readonly<Record<string, Sql>> = {
  "credit_transactions.transaction_type": sql`case transaction_type when 'debit' then 'refund' else 'debit' end`,
  "credit_lots.status": sql`case status when 'active' then 'expired' else 'active' end`,
  "credit_holds.status": sql`case status when 'open' then 'released' else 'open' end`,
  "credit_holds.captured": sql`case captured when 0 then 1 else captured - 1 end`,
  "credit_budgets.period": sql`case period when 'day' then 'week' else 'day' end`,
  "credit_recharges.status": sql`case status when 'pending' then 'charged' else 'pending' end`,
};
const ofType = (type: string, column: Sql): Sql => {
  switch (type) {
    case "uuid":
      return sql`gen_random_uuid()`;
    case "boolean":
      return sql`not ${column}`;
    case "text":
      return sql`coalesce(${column}, '') || 'x'`;
    case "jsonb":
      return sql`'[7]'::jsonb`;
    case "timestamptz":
      return sql`coalesce(${column}, now()) + interval '1 hour'`;
    case "date":
      return sql`${column} - 10000`;
    default:
      return sql`coalesce(${column}, 0) + 1000`;
  }
};

const columns = billing.tables.flatMap(({ name, columns, key }) =>
  Object.entries(columns).map(([column, type]) => [name, column, type, key.includes(column)] as const),
);

test.each(columns)("replay finds %s.%s changed by hand", async (name, column, type, isKey) => {
  const [on, named] = [identifier("read_model", name), identifier(column)];
  const other = others[`${name}.${column}`] ?? ofType(type.replace(" null", ""), named);
  const [row] = await query<{ place: string; kept: string }>(
    database.projector,
    sql`select ctid::text as place, ${named}::text as kept from ${on} order by 1 limit 1`,
  );
  if (!row) throw new Error(`nothing is in ${name}`);
  const [changed] = await query<{ place: string }>(
    database.projector,
    sql`update ${on} set ${named} = ${other} where ctid = ${row.place}::tid returning ctid::text as place`,
  );
  const differences = await replayed();
  const back = sql`update ${on} set ${named} = cast(${row.kept}::text as ${identifier(typeOf(type))})`;
  await query(database.projector, sql`${back} where ctid = ${changed?.place ?? ""}::tid`);
  const found = isKey
    ? `^(${name} .* is missing|The ledger is in no read model)\\.$`
    : `^${name}.*: ${column} is .*, and should be .*\\.$`;
  expect(differences).toContainEqual(expect.stringMatching(new RegExp(found)));
});

const typeOf = (type: string): string => {
  const name = type.replace(" null", "");
  return { bigint: "int8", integer: "int4", boolean: "bool" }[name] ?? name;
};
