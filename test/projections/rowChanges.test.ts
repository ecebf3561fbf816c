import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPool, type Pool, query, type Transaction } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { accumulate, add, insert, type RowChange, remove, set, table } from "../../src/projections/projection.ts";
import { foldChanges, type TableChanges, type Update } from "../../src/projections/rowChanges.ts";
import { statementsOf } from "../../src/projections/rowStatements.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

const sample = table(
  "sample",
  {
    region: "text",
    number: "integer",
    owner: "uuid null",
    name: "text null",
    amount: "bigint",
    limit: "bigint null",
    count: "integer",
    is_open: "boolean",
    seen_at: "timestamptz null",
    day: "date null",
    parts: "jsonb null",
  },
  ["region", "number"],
);

const nullable = <T>(some: fc.Arbitrary<T>) => fc.option(some, { freq: 3 });
const text = fc.string({ unit: "binary" }).map((value) => value.replaceAll("\0", ""));
const key = fc.record({ region: fc.constantFrom("north", 'so"u\\th', "{}"), number: fc.constantFrom(1, 2) });
const small = fc.integer({ min: -1_000, max: 1_000 });
const values = {
  owner: nullable(fc.uuid()),
  name: nullable(fc.oneof(text, fc.constantFrom("", "null", "NULL", '{a,"b"}', "\\"))),
  amount: fc.oneof(small, fc.maxSafeInteger()),
  limit: nullable(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n })),
  count: small,
  is_open: fc.boolean(),
  seen_at: nullable(fc.constantFrom("2024-02-29T12:00:00.000Z", "1999-12-31T23:59:59.123Z")),
  day: nullable(fc.constantFrom("2024-02-29", "1999-12-31")),
  parts: nullable(fc.jsonValue().map((value) => JSON.stringify(value).replaceAll("\\u0000", ""))),
};
const amounts = fc.record({ amount: small, count: small }, { requiredKeys: [] });
const otherwise = fc.record(values).map(({ amount, count, ...others }) => ({
  ...others,
  ...(count % 2 === 0 ? {} : { amount }),
}));
const change: fc.Arbitrary<RowChange> = fc.oneof(
  fc.record({ key, values: fc.record(values) }).map((row) => insert(sample, { ...row.key, ...row.values })),
  fc.record({ key, values: fc.record(values, { requiredKeys: [] }) }).map((some) => set(sample, some.key, some.values)),
  fc.record({ key, amounts }).map((some) => add(sample, some.key, some.amounts)),
  fc.record({ key, amounts, otherwise }).map((some) => accumulate(sample, some.key, some.amounts, some.otherwise)),
  key.map((gone) => remove(sample, gone)),
);

type Rows = ReadonlyMap<string, Readonly<Record<string, unknown>>>;
const idOf = (row: Readonly<Record<string, unknown>>) => JSON.stringify([row["region"], row["number"]]);

/** What a change means, said as simply as can be; undefined where Postgres refuses it. */
const applied = (rows: Rows, change: RowChange): Rows | undefined => {
  const id = idOf(change.kind === "insert" ? change.row : change.key);
  const row = rows.get(id) ?? (change.kind === "accumulate" ? begun(change) : undefined);
  if (change.kind === "insert") return row ? undefined : new Map([...rows, [id, change.row]]);
  if (!row) return rows;
  if (change.kind === "set") return new Map([...rows, [id, { ...row, ...change.values }]]);
  if (change.kind === "remove") return new Map([...rows].filter(([other]) => other !== id));
  const sums = Object.entries(change.amounts).map(([column, amount]) => [column, sum(row[column], amount)] as const);
  return new Map([...rows, [id, { ...row, ...Object.fromEntries(sums) }]]);
};
const begun = ({ key, otherwise }: RowChange & { kind: "accumulate" }): Readonly<Record<string, unknown>> => ({
  amount: 0,
  count: 0,
  ...otherwise,
  ...key,
});
const sum = (value: unknown, amount = 0) => BigInt(String(value)) + BigInt(amount);

/** Only changes that can be carried out one by one: the property is about those. */
const possible = (before: Rows, changes: readonly RowChange[]) => {
  let rows = before;
  const kept = changes.filter((each) => {
    const next = applied(rows, each);
    rows = next ?? rows;
    return next !== undefined;
  });
  return { kept, rows };
};

/** As Postgres would carry the folded changes out: removals, then updates, then inserts. */
const appliedFolded = (before: Rows, tables: readonly TableChanges[]): Rows => {
  const rows = new Map(before);
  const update = ({ set, add, rows: changed }: Update, absent: TableChanges["inserts"] = []) => {
    changed.forEach((next, index) => {
      const present = rows.get(idOf(next.key));
      const news = [
        ...set.map((column) => [column, next.set[column]] as const),
        ...add.map((column) => [column, sum(present?.[column] ?? 0, Number(next.add[column]))] as const),
      ];
      const row = present ? { ...present, ...Object.fromEntries(news) } : absent[index];
      if (row) rows.set(idOf(next.key), row);
    });
  };
  for (const { removals, updates, merges, inserts } of tables) {
    for (const gone of removals) rows.delete(idOf(gone));
    for (const each of updates) update(each);
    for (const each of merges) update(each, each.absent);
    for (const row of inserts) {
      expect(rows.has(idOf(row))).toBe(false);
      rows.set(idOf(row), row);
    }
  }
  return rows;
};

/** Numbers of either kind are the same number. */
const comparable = (rows: Rows) =>
  Object.fromEntries(
    [...rows].sort().map(([id, row]) => [
      id,
      Object.fromEntries(
        Object.entries(row)
          .sort()
          .map(([column, value]) => [column, typeof value === "number" ? BigInt(value) : value]),
      ),
    ]),
  );

const beforeAndChanges = fc.record({
  before: fc
    .array(
      change.filter(({ kind }) => kind === "insert"),
      { maxLength: 4 },
    )
    .map((inserts) => possible(new Map(), inserts)),
  changes: fc.array(change, { maxLength: 30 }),
});

describe("folded changes", () => {
  test("have the effect of the changes one by one", () => {
    fc.assert(
      fc.property(beforeAndChanges, ({ before, changes }) => {
        const { kept, rows } = possible(before.rows, changes);
        expect(comparable(appliedFolded(before.rows, foldChanges(kept)))).toEqual(comparable(rows));
      }),
      { numRuns: 1_000 },
    );
  });

  test("mention a row once, but for one that replaces another", () => {
    fc.assert(
      fc.property(beforeAndChanges, ({ before, changes }) => {
        for (const { updates, merges, removals, inserts } of foldChanges(possible(before.rows, changes).kept)) {
          const changed = [...updates, ...merges].flatMap(({ rows }) => rows.map(({ key }) => key));
          const mentioned = [...changed, ...inserts].map(idOf);
          const alone = removals.map(idOf).filter((id) => !inserts.some((row) => idOf(row) === id));
          expect(new Set([...mentioned, ...alone]).size).toBe(mentioned.length + alone.length);
        }
      }),
    );
  });

  test("of a hot row are one update", () => {
    const hot = { region: "north", number: 1 };
    const debits = Array.from({ length: 500 }, () => add(sample, hot, { amount: -2, count: 1 }));
    expect(foldChanges(debits)).toMatchObject([
      {
        table: sample,
        removals: [],
        inserts: [],
        merges: [],
        updates: [
          { set: [], add: ["amount", "count"], rows: [{ key: hot, set: {}, add: { amount: -1_000, count: 500 } }] },
        ],
      },
    ]);
  });

  test("of a hot row that may have to begin are one merge", () => {
    const hot = { region: "north", number: 1 };
    const otherwise = { owner: null, name: null, limit: null, is_open: true, seen_at: null, day: null, parts: null };
    const debits = Array.from({ length: 500 }, () => accumulate(sample, hot, { amount: 2 }, otherwise));
    expect(foldChanges(debits)).toMatchObject([
      {
        table: sample,
        removals: [],
        inserts: [],
        updates: [],
        merges: [
          {
            set: [],
            add: ["amount"],
            rows: [{ key: hot, set: {}, add: { amount: 1_000 } }],
            absent: [{ ...hot, ...otherwise, amount: 1_000, count: 0 }],
          },
        ],
      },
    ]);
  });

  test("are refused where a row would be inserted twice", () => {
    const row = { region: "north", number: 1, owner: null, name: null, amount: 0, limit: null, count: 0 };
    const twice = insert(sample, { ...row, is_open: true, seen_at: null, day: null, parts: null });
    expect(() => foldChanges([twice, twice])).toThrow("a row inserted twice into sample");
  });
});

describe("in Postgres", () => {
  let database: TestDatabase;
  let pool: Pool;
  let connection: Transaction;
  beforeAll(async () => {
    database = await testDatabase();
    const settings = { max: 1, idleTimeoutMs: 10_000, statementTimeoutMs: 30_000, onError: () => undefined };
    pool = openPool({ url: database.url, role: "everfold_projector", ...settings });
    connection = await pool.connect();
    await connection.query(`create table rebuild.sample (region text, number integer, owner uuid, name text,
      amount bigint not null, "limit" bigint, count integer not null, is_open boolean, seen_at timestamptz,
      day date, parts jsonb, primary key (region, number))`);
  });
  afterAll(async () => {
    connection.release();
    await pool.end();
    await database.drop();
  });

  const carryOut = async (changes: readonly RowChange[]) => {
    for (const statement of statementsOf(foldChanges(changes), "rebuild")) await query(connection, statement);
  };
  const rowsAfter = async (before: readonly RowChange[], work: () => Promise<void>) => {
    await connection.query("begin");
    await carryOut(before);
    await work();
    const rows = await query(connection, sql`select row(s.*)::text as row from rebuild.sample s order by 1`);
    await connection.query("rollback");
    return rows;
  };

  test("ES-04: a batch written with one statement for each kind leaves the rows that one by one leaves", async () => {
    await fc.assert(
      fc.asyncProperty(beforeAndChanges, async ({ before, changes }) => {
        const { kept } = possible(before.rows, changes);
        const folded = await rowsAfter(before.kept, () => carryOut(kept));
        const oneByOne = await rowsAfter(before.kept, async () => {
          for (const each of kept) await carryOut([each]);
        });
        expect(folded).toEqual(oneByOne);
      }),
      { numRuns: 150 },
    );
  });
});
