import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { testDatabase } from "./support/database.ts";

type Column = { place: string; name: string; type: string; isNullable: boolean; default: string | null };
type Rule = { place: string; definition: string };

const columnsQuery = `
  select n.nspname || '.' || c.relname as place, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
    not a.attnotnull as "isNullable", pg_get_expr(d.adbin, d.adrelid) as default
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
  where n.nspname in ('read_model', 'runtime', 'vault') and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
  order by n.nspname, c.relname, a.attnum`;
/** Not null constraints stand beside their columns. */
const rulesQuery = `
  select conrelid::regclass::text as place, pg_get_constraintdef(oid) as definition
  from pg_constraint where connamespace::regnamespace::text in ('read_model', 'runtime', 'vault') and contype <> 'n'
  union all
  select indrelid::regclass::text,
    regexp_replace(pg_get_indexdef(indexrelid), '^CREATE (UNIQUE )?INDEX \\S+ ON \\S+ ', '\\1INDEX ')
  from pg_index join pg_class on pg_class.oid = indrelid
  where relnamespace::regnamespace::text in ('read_model', 'runtime', 'vault')
    and not exists (select from pg_constraint where conindid = indexrelid)
  order by 1, 2`;

const introduction = `# The database

Every table there is, as the migrations make it: columns with their types, whether they may be null, their defaults, and
the keys and indexes. Tables of \`read_model\` are folded from events and stand alone: a column that is called after
another table (\`workspace_id\`) holds an id of it, and no foreign key makes one read model wait for another. What is
unique for all tenants together is so by claims in the event store.

This document is compared with a migrated database by \`test/schemaDocument.test.ts\`; \`npm test -- schemaDocument -u\`
writes it anew.
`;

const section = (place: string, columns: readonly Column[], rules: readonly Rule[]): string =>
  [
    `## ${place}`,
    "",
    "| column | type | null | default |",
    "|---|---|---|---|",
    ...columns.map(
      ({ name, type, isNullable, default: first }) =>
        `| ${name} | ${type} | ${isNullable ? "yes" : "no"} | ${first ? `\`${first}\`` : ""} |`,
    ),
    "",
    ...rules.map(({ definition }) => `- \`${definition}\``),
    ...(rules.length > 0 ? [""] : []),
  ].join("\n");

test("SCH-01: the schema document says of every table what the migrations make it", async () => {
  const { url, drop } = await testDatabase();
  onTestFinished(drop);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows: columns } = await client.query<Column>(columnsQuery);
  const { rows: rules } = await client.query<Rule>(rulesQuery).finally(() => client.end());
  const places = [...new Set(columns.map(({ place }) => place))];
  expect(places).toEqual(expect.arrayContaining(["read_model.repositories", "read_model.jobs"]));
  const of = <T extends { place: string }>(all: readonly T[], place: string) =>
    all.filter((each) => each.place === place);
  const sections = places.map((place) => section(place, of(columns, place), of(rules, place)));
  await expect([introduction, ...sections].join("\n")).toMatchFileSnapshot("../docs/schema.md");
});
