import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { identifier, list, sql, textOf } from "../../src/platform/sql.ts";

test("values travel beside the text, in order", () => {
  const statement = sql`select * from t where a = ${1} and b = ${"two"}`;
  expect(textOf(statement)).toBe("select * from t where a = $1 and b = $2");
  expect(statement.values).toEqual([1, "two"]);
});

test("a statement within a statement keeps its values, numbered anew", () => {
  const filter = sql`a = ${1} and b = ${2}`;
  const statement = sql`select ${0} from ${identifier("read_model", "users")} where ${filter} limit ${3}`;
  expect(textOf(statement)).toBe('select $1 from "read_model"."users" where a = $2 and b = $3 limit $4');
  expect(statement.values).toEqual([0, 1, 2, 3]);
});

test("a list separates its pieces by commas", () => {
  const statement = sql`select ${list([sql`a = ${1}`, 2, identifier("c")])}`;
  expect(textOf(statement)).toBe('select a = $1, $2, "c"');
  expect(statement.values).toEqual([1, 2]);
});

test("a statement has one name wherever its values come from, and none if its text varies", () => {
  const byId = (id: number) => sql`select * from t where id = ${id}`;
  expect(byId(1).name).toBe(byId(2).name);
  expect(byId(1).name).not.toBe(sql`select * from t where id = ${1}`.name);
  expect(sql`select * from ${identifier("t")} where id = ${1}`.name).toBeUndefined();
});

test("FND-19: no value becomes text, whatever it is", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (values) => {
      const statement = sql`insert into t values (${list(values)})`;
      expect(textOf(statement)).toBe(`insert into t values (${values.map((_, index) => `$${index + 1}`).join(", ")})`);
      expect(statement.values).toEqual(values);
    }),
  );
});

test.each(["", "Users", 'users"; drop table users', "1st", "a b", "a".repeat(64)])(
  "FND-19: %j is no identifier",
  (name) => {
    expect(() => identifier(name)).toThrow("not a name");
  },
);

/** A statement in a string, or in a template that is not one of `sql`; names and values could get into its text. */
const loose = /(?<!sql)[`"']\s*(select\s[^`]*?\sfrom\s|insert into\s|update\s[^`]*?\sset\s|delete from\s)/i;

test("FND-19: every statement for Postgres is written in an sql template", async () => {
  expect('query(pool, "select * from users")').toMatch(loose);
  const source = join(import.meta.dirname, "../../src");
  const entries = await readdir(source, { recursive: true, withFileTypes: true });
  const files = entries
    .filter(({ name }) => name.endsWith(".ts"))
    .map(({ parentPath, name }) => join(parentPath, name));
  // The embedded event store speaks to SQLite; the migrations' journal is read by a client outside of any pool.
  const checked = files.filter((file) => !/src\/(embedded\/|platform\/migrations\.ts)/.test(file));
  const texts = await Promise.all(checked.map(async (file) => ({ file, text: await readFile(file, "utf8") })));
  expect(texts.filter(({ text }) => loose.test(text)).map(({ file }) => file)).toEqual([]);
});
